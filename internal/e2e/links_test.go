package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	link      = regexp.MustCompile(`\]\(([^)#\s]*)(?:#([^)\s]+))?\)`)
	title     = regexp.MustCompile(`(?m)^#{1,6} (.+)$`)
	fenced    = regexp.MustCompile("(?ms)^ *```.*?^ *```$")
	titleLink = regexp.MustCompile(`\[([^]]*)\]\([^)]*\)`)
	notInSlug = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// TestLinks: every link of a page to another, and to a heading, leads somewhere.
func TestLinks(t *testing.T) {
	t.Parallel()
	pages := []string{readme}
	for _, pattern := range []string{"../../docs/*.md", "../../docs/recipes/*.md", "../../deploy/*.md", "../../CO*.md", "../../CH*.md"} {
		more, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, more...)
	}
	slugs := map[string]map[string]bool{}
	for _, page := range pages {
		slugs[filepath.Clean(page)] = slugsOf(readPage(t, page))
	}
	checked := 0
	for _, page := range pages {
		text := fenced.ReplaceAllString(readPage(t, page), "")
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			if strings.Contains(m[1], ":") {
				continue // a site: not ours to ask
			}
			checked++
			to := filepath.Clean(page)
			if m[1] != "" {
				to = filepath.Join(filepath.Dir(page), m[1])
			}
			if _, err := os.Stat(to); err != nil {
				t.Errorf("%s: %s is not there", filepath.Base(page), m[1])
			} else if m[2] != "" && !slugs[to][m[2]] {
				t.Errorf("%s: %s has no heading %s", filepath.Base(page), m[1], m[2])
			}
		}
	}
	if checked < 100 {
		t.Errorf("only %d links were found", checked)
	}
}

// slugsOf are the anchors that a page's headings get.
func slugsOf(page string) map[string]bool {
	out := map[string]bool{}
	for _, m := range title.FindAllStringSubmatch(fenced.ReplaceAllString(page, ""), -1) {
		text := titleLink.ReplaceAllString(m[1], "$1")
		out[strings.ReplaceAll(notInSlug.ReplaceAllString(strings.ToLower(text), ""), " ", "-")] = true
	}
	return out
}
