package api

import (
	"encoding/json"
	"regexp"
)

// variable is what the file's loader puts a value in place of. Nothing does so
// here: the text would go out as it stands, a key that is none.
var variable = regexp.MustCompile(`\$\{[A-Za-z_][A-Za-z0-9_]*\}`)

const holdsVariable = "holds ${…}: variables are for the file; put the value itself here"

// withVariables returns the keys of config, an object, whose values hold a
// variable, at any depth. What is no object has none.
func withVariables(config json.RawMessage) []string {
	var members map[string]any
	if json.Unmarshal(config, &members) != nil {
		return nil
	}
	var out []string
	for key, value := range members {
		if hasVariable(value) {
			out = append(out, key)
		}
	}
	return out
}

func hasVariable(value any) bool {
	switch v := value.(type) {
	case string:
		return variable.MatchString(v)
	case []any:
		for _, item := range v {
			if hasVariable(item) {
				return true
			}
		}
	case map[string]any:
		for _, member := range v {
			if hasVariable(member) {
				return true
			}
		}
	}
	return false
}
