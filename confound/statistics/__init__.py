"""The numbers: functions of arrays, which know nothing of logs, tables or pages."""
