"""How a service of Gestalt serves: started, stopped, logged and refused in one way."""
