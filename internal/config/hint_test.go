package config

import (
	"strings"
	"testing"
)

func TestBareVariable(t *testing.T) {
	for line, want := range map[string]bool{
		"secrets: [${A}]":             true,
		"secrets: [${A}, ${B}]":       true,
		`secrets: ["${A}", ${B}]`:     true,
		`secrets: ["a\"", ${B}]`:      true,
		`secrets: ["a\\", ${B}]`:      true,
		`secrets: ['it''s', ${B}]`:    true,
		"{reason: it's, secret: ${A}": true,
		"a#b: [${A}]":                 true,
		`secrets: ["${A}"`:            false,
		`secrets: ['${A}'`:            false,
		`secrets: ["a\"${A}"`:         false,
		"secrets: [a # ${A}":          false,
		"# ${A}":                      false,
		"secrets: [a":                 false,
		"secrets: [$A, {b}":           false,
		"":                            false,
	} {
		if got := bareVariable(line); got != want {
			t.Errorf("%s: %v", line, got)
		}
	}
}

func TestBareTemplate(t *testing.T) {
	const hint = "a text that begins with {{ must be in quotes, or in lines of its own below |"
	for _, tt := range []struct {
		yaml   string
		hinted bool
	}{
		{"subject_template: {{platform}} x\n", true},
		{"config:\n  subject_template: {{platform}} x\n  tls: none\n", true},
		{"config:\n  text_template:   {{#if type}}a{{/if}} S3CR3T\n", true},
		{"config: {text_template: {{summary}} x, url: a}\n", true},
		{"- {{summary}} x\n", true},
		{"a: {b: c\n", false},
		{"a: \"b\n", false},
		{"a: [b\nc: d {{x}}\n", false},
	} {
		_, err := parseYAML([]byte(tt.yaml))
		if err == nil || strings.Contains(err.Error(), hint) != tt.hinted || strings.Contains(err.Error(), "S3CR3T") {
			t.Errorf("%q: %v, want the hint: %v", tt.yaml, err, tt.hinted)
		}
	}
}
