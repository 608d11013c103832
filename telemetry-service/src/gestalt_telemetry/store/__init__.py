"""The store: SQLite segments behind one writer process, a catalogue of them, and readers."""
