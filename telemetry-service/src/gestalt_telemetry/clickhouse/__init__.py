"""The store kept by ClickHouse: the OpenTelemetry exporter's tables, over its HTTP interface."""
