"""Nights played through the production machines: drawn, played by either engine, judged; histories kept for replay."""
