package config

import (
	"fmt"
	"strings"
)

// Places knows where in a file its keys stand, for a message about a file that
// has been loaded. What a program runs on needs no places, so [Load] keeps none.
type Places struct {
	root *node
}

// ReadPlaces reads the file at path again. Its errors are those of [Load] about a
// file that is no YAML.
func ReadPlaces(path string) (*Places, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the config: %w", err)
	}
	root, err := parseYAML(data)
	if err != nil {
		return nil, fmt.Errorf("%s:%w", path, err)
	}
	return &Places{root}, nil
}

// Find returns a key such as tenants[0].sources[1].auth.bearer.secrets[0] as the
// file spells it (secrets_files[0], if files stand in for them), and its line. Of
// a key that the file leaves out it is the line of what it is missing from.
func (p *Places) Find(key string) (spelling string, line int) {
	place := at{line: p.root.line, n: p.root}
	parts := strings.Split(key, ".")
	for i, part := range parts {
		name, index := splitIndex(part)
		e, ok := entryFor(place.n, name)
		if !ok {
			return join(place.key, strings.Join(parts[i:], ".")), place.line
		}
		place = item(at{key: join(place.key, e.key), line: e.line, n: e.val}, index)
	}
	return place.key, place.line
}
