"""The durable steps: thin classes that hold ports. One call, one error translation each."""
