package e2e

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// block is a fenced block of a page.
type block struct {
	section string // the headings above it, as in "Use the API/Make a channel"
	lang    string // of the fence: sh, yaml, …
	text    string // as one would paste it: without the fence's own indentation
	line    int    // of the page: the fence's
	before  string // the paragraph before it
	after   string // the first line behind it that is not blank
}

var (
	heading = regexp.MustCompile(`^(#{2,4}) (.+)$`)
	fence   = regexp.MustCompile("^( *)```(\\w*)$")
)

// blocks takes a page apart.
func blocks(page string) []block {
	var out []block
	var headings []string
	var open *block
	var indent, paragraph string
	for i, line := range strings.Split(page, "\n") {
		f := fence.FindStringSubmatch(line)
		if n := len(out); open == nil && n > 0 && out[n-1].after == "" {
			out[n-1].after = strings.TrimSpace(line)
		}
		switch {
		case open != nil && f != nil:
			out = append(out, *open)
			open, paragraph = nil, ""
		case open != nil:
			open.text += strings.TrimPrefix(line, indent) + "\n"
		case f != nil:
			indent = f[1]
			open = &block{section: strings.Join(headings, "/"), lang: f[2], line: i + 1, before: strings.TrimSpace(paragraph)}
		case line == "":
			if strings.TrimSpace(paragraph) != "" {
				paragraph += "\n" // kept until there is another
			}
		default:
			if h := heading.FindStringSubmatch(line); h != nil {
				level := len(h[1]) - 2
				headings = append(headings[:min(level, len(headings))], h[2])
				paragraph = ""
				continue
			}
			if strings.HasSuffix(paragraph, "\n\n") {
				paragraph = ""
			}
			paragraph += line + "\n"
		}
	}
	return out
}

func readPage(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("reading a page: %v", err)
	}
	return string(b)
}
