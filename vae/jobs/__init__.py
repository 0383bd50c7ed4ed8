"""The process that trains a run folder: queue, launching, writing."""
