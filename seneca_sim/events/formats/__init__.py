"""Readers of recordings, one module per format: ``open_source(path)`` gives an `EventSource` or a `FrameRecording`.

A reader looks at the header at once and decodes block by block later. Nothing in a file is executed.
"""
