"""The run folder: configuration, status, metrics, snapshots, control file."""
