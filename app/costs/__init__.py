"""The bill: what models cost and what coins came in."""
