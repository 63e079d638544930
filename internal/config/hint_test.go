package config

import "testing"

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
