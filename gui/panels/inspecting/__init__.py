"""What the inspector shows of each kind of part: functions from a project and its facts to a sheet."""
