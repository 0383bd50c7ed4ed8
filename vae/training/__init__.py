"""The loop, one step of it, schedules, control, several processes; it knows no folder."""
