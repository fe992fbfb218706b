"""The REST face for backends in any language. One program is one tenant; every route asks whose object it is."""
