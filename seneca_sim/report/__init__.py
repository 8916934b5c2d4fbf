"""Results: tables, prices, explanations."""
