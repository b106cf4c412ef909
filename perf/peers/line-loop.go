// The relay loop of the original DStream, written anew from its description: a scanner takes a line at a time, and each
// line is written with its newline in one unbuffered write.
package main

import (
	"bufio"
	"fmt"
	"os"
)

// The longest line that the comparison sends is 64 KiB.
const lineBytesMax = 16 * 1024 * 1024

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(make([]byte, 0, 64*1024), lineBytesMax)
	for lines.Scan() {
		if _, err := os.Stdout.Write([]byte(lines.Text() + "\n")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	if err := lines.Err(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
