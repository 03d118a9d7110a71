"""The store: the local folder in which everything lies under its digest."""
