"""What runs in the browser: one folder a component, with its Python, HTML, CSS and JavaScript."""
