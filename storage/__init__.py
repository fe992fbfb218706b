"""The read side: commands, raw readings, nights, watches and the inbox. In memory, or in a SQL database."""
