"""A loop over lines, as one writes it first. stdin and stdout have Python's own buffers."""
import sys

for line in sys.stdin.buffer:
    sys.stdout.buffer.write(line)
