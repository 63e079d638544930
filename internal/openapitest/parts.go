package openapitest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Enum returns what a schema of the description enumerates, in its order; nil if
// it enumerates nothing.
func (c *Checker) Enum(schema string) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	s, _ := c.doc.get(node{"", c.doc.root}, "components", "schemas", schema)
	list, _ := s.val["enum"].([]any)
	var out []string
	for _, v := range list {
		out = append(out, fmt.Sprint(v))
	}
	return out
}

// Valid returns what a schema of the description has against a JSON text.
func (c *Checker) Valid(schema, text string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	schemas, _ := c.doc.get(node{"", c.doc.root}, "components", "schemas")
	s, err := c.doc.schema(schemas, schema)
	if err != nil {
		return err
	}
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		return fmt.Errorf("reading the text: %w", err)
	}
	return s.Validate(v)
}

// Example is a request's body that the description shows.
type Example struct {
	Operation string // as in "POST /v1/events"
	Name      string
	Body      string
}

// Examples returns all of the paths' operations, in a fixed order.
func (c *Checker) Examples() []Example {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []Example
	for _, o := range c.doc.operations() {
		examples, _ := c.doc.get(o.node, "requestBody", "content", "application/json", "examples")
		for name := range examples.val {
			e, _ := c.doc.get(examples, name)
			body, err := json.Marshal(e.val["value"])
			if err != nil {
				panic(err) // it was read from JSON
			}
			out = append(out, Example{o.String(), name, string(body)})
		}
	}
	slices.SortFunc(out, func(a, b Example) int { return strings.Compare(a.Operation+a.Name, b.Operation+b.Name) })
	return out
}
