package e2e

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestExamplesLoad: every piece of an accessrelay.yaml that the documentation
// shows is accepted, in its tables too.
func TestExamplesLoad(t *testing.T) {
	t.Parallel()
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	dir, checked, secrets := t.TempDir(), 0, newSigner(t).publicPEM()
	for _, page := range append(pages, readme) {
		text := readPage(t, page)
		var examples []block
		for _, b := range blocks(text) {
			if b.lang == "yaml" {
				examples = append(examples, b)
			}
		}
		for i, line := range strings.Split(text, "\n") {
			if m := authCell.FindStringSubmatch(line); m != nil {
				examples = append(examples, block{text: "auth:\n  " + m[1] + "\n", line: i + 1})
			}
		}
		for _, b := range examples {
			file := wholeFile(b.text)
			if file == "" {
				continue // of another program
			}
			checked++
			if problem := refused(t, dir, file, secrets); problem != "" {
				t.Errorf("%s:%d: %s\n%s", filepath.Base(page), b.line, problem, b.text)
			}
		}
	}
	if checked < 13 {
		t.Errorf("only %d examples were found", checked)
	}
	for _, bad := range []string{"auth:\n  bearer: {secret: x}\n", "- id: x\n  platform: p1\n  auth: {bearer: {secrets: [x]}}\n", "delivery: {retries: 1}\n"} {
		if refused(t, dir, wholeFile(bad), secrets) == "" {
			t.Errorf("this is accepted: %s", bad)
		}
	}
}

// authCell is a row of a table whose first cell is a method.
var authCell = regexp.MustCompile("^\\| `((?:jwt|bearer|header|basic|hmac): \\{[^`]+)` \\|")

// wholeFile makes a file of a piece of one, or "" of what is none.
func wholeFile(piece string) string {
	const (
		tenantHead = "tenants:\n  - id: " + tenant + "\n    name: acme\n"
		sourceHead = "sources:\n- id: acme-x\n  platform: p0\n"
	)
	under := func(head, piece string) string {
		return tenantHead + indented(4, head+piece)
	}
	first, _, _ := strings.Cut(strings.TrimLeft(piece, " "), ":")
	switch first {
	case "tenants":
		return piece
	case "- id":
		return under("sources:\n", piece)
	case "- name":
		return under("channels:\n", piece)
	case "auth":
		return under(sourceHead, indented(2, piece))
	case "jwt", "bearer", "header", "basic", "hmac":
		return under(sourceHead, "  auth:\n"+indented(4, piece))
	case "delivery", "retention":
		return tenantHead + piece
	}
	return ""
}

// indented moves a text so that its first line has so many blanks before it.
func indented(by int, text string) string {
	had := len(text) - len(strings.TrimLeft(text, " "))
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(strings.Repeat(" ", by) + strings.TrimPrefix(line, strings.Repeat(" ", had)))
	}
	return b.String()
}

var (
	fileKey  = regexp.MustCompile(`(\w+)_files?: (?:\[([^]]+)\]|(\S+))`)
	variable = regexp.MustCompile(`\$\{(\w+)\}`)
)

// refused has relayctl check a file and returns what it says against it. The files
// and variables that it names are there.
func refused(t *testing.T, dir, file, publicKey string) string {
	t.Helper()
	for _, m := range fileKey.FindAllStringSubmatch(file, -1) {
		text := signingSecret // which may be any secret
		switch m[1] {
		case "key":
			text = publicKey
		case "url", "webhook_url":
			text = "https://siem.example.com/hooks/access"
		}
		for name := range strings.SplitSeq(m[2]+m[3], ", ") {
			write(t, filepath.Join(dir, strings.Trim(name, "{}")), text+"\n")
		}
	}
	var env []string
	for _, m := range variable.FindAllStringSubmatch(file, -1) {
		value := signingSecret
		if strings.Contains(m[1], "URL") {
			value = "https://siem.example.com/hooks/access"
		}
		env = append(env, m[1]+"="+value)
	}
	file = strings.ReplaceAll(file, "THE-SHA256-OF-THE-KEY", strings.Repeat("ab", 32))
	path := filepath.Join(dir, "accessrelay.yaml")
	write(t, path, file)
	got := runProgram(t, "relayctl", env, "config", "check", path)
	if got.code != 0 {
		return strings.TrimSpace(got.stderr)
	}
	return ""
}
