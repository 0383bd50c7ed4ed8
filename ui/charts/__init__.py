"""Plotly figures that several pages share; palette, labels, style."""
