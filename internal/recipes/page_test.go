package recipes

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const pagesDir = "../../docs/recipes"

// page is a recipe's page, taken apart.
type page struct {
	name  string // of the file, without .md: pagerduty
	lines []string
}

// block is a fenced piece of a page.
type block struct {
	lang string
	line int // of its first line in the page, from 1
	text string
}

// row is a row of a table.
type row struct {
	line  int
	cells []string
}

// pages are all recipes. The index is none.
func pages(t *testing.T) []page {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(pagesDir, "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	var out []page
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".md")
		if name == "README" {
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, page{name, strings.Split(string(text), "\n")})
	}
	if len(out) == 0 {
		t.Fatalf("there are no recipes in %s", pagesDir)
	}
	return out
}

// at names a line of the page for who has to mend it.
func (p page) at(line int) string { return fmt.Sprintf("docs/recipes/%s.md:%d", p.name, line) }

// block returns the page's only block in a language.
func (p page) block(t *testing.T, lang string) block {
	t.Helper()
	var found []block
	for i := 0; i < len(p.lines); i++ {
		info, fence := strings.CutPrefix(p.lines[i], "```")
		if !fence {
			continue
		}
		b := block{lang: info, line: i + 2}
		for i++; i < len(p.lines) && p.lines[i] != "```"; i++ {
			b.text += p.lines[i] + "\n"
		}
		if b.lang == lang {
			found = append(found, b)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%s has %d blocks of %s, want one", p.name, len(found), lang)
	}
	return found[0]
}

// table returns the first table under a heading.
func (p page) table(t *testing.T, heading string) (head []string, rows []row) {
	t.Helper()
	start := slices.Index(p.lines, "## "+heading)
	if start < 0 {
		t.Fatalf("%s has no heading %q", p.name, heading)
	}
	for i := start + 1; i < len(p.lines) && !strings.HasPrefix(p.lines[i], "## "); i++ {
		if !strings.HasPrefix(p.lines[i], "|") {
			if head != nil {
				break
			}
			continue
		}
		cells := strings.Split(strings.Trim(p.lines[i], "| "), "|")
		for j := range cells {
			cells[j] = strings.TrimSpace(cells[j])
		}
		switch {
		case head == nil:
			head = cells
		case strings.Trim(p.lines[i], "|-: ") != "":
			rows = append(rows, row{i + 1, cells})
		}
	}
	if len(rows) == 0 {
		t.Fatalf("%s has no table under %q", p.name, heading)
	}
	return head, rows
}

var inTicks = regexp.MustCompile("`([^`]+)`")

// ticked are the texts of a cell that stand in backticks.
func ticked(cell string) []string {
	var out []string
	for _, m := range inTicks.FindAllStringSubmatch(cell, -1) {
		out = append(out, m[1])
	}
	return out
}

// lineOf is where the recipe writes the last of a path's keys, or its first line.
func (p page) lineOf(b block, path []string) int {
	for _, key := range slices.Backward(path) {
		for i, line := range strings.Split(b.text, "\n") {
			if strings.Contains(line, `"`+key+`":`) {
				return b.line + i
			}
		}
	}
	return b.line
}
