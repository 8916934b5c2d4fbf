"""Networks: nodes, readers of file formats, and the layers that the chip sees."""
