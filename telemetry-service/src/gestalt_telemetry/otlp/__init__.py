"""OTLP as it travels (protobuf and JSON), turned into the records that are stored."""
