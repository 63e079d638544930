// Package handlebars renders an event through a template that a tenant wrote.
// It knows the language of the npm package of that name (4.7), with two changes:
// what a value is escaped for follows from where it stands, and the work that a
// template can cause is bounded. docs/templates.md is its manual.
package handlebars

import (
	"fmt"
	"unicode/utf8"

	"accessrelay/internal/event"
)

// Dialect says what a template's result is, and so what an event's text is
// escaped for.
type Dialect int

const (
	// JSON: inside of a string a value is written as text that stays in it,
	// outside as a JSON value. The result is exactly one JSON value.
	JSON Dialect = iota
	// Text escapes nothing.
	Text
	// SlackText is Slack's mrkdwn: an event's text can neither mention nor link.
	SlackText
	// HTML is text or a quoted attribute of HTML or XML.
	HTML
	// Form is a name or value of application/x-www-form-urlencoded. The line
	// breaks of such a template, and the blanks beside them, are dropped.
	Form
	// Line is one line of text, such as a mail's subject.
	Line
)

// What a template may hold and cause. Beyond them lies an error, of Parse
// where it can be known then.
const (
	MaxTemplate = 64 << 10 // bytes of a template
	MaxOutput   = 4 << 20  // bytes of a result

	maxLoops  = 3       // inside one another
	maxBlocks = 16      // inside one another
	maxChain  = 256     // {{else if}} of one block
	maxNested = 8       // (subexpressions) inside one another
	maxParams = 16      // of one helper
	maxParts  = 32      // of one path
	maxWork   = 400_000 // steps of one execution, each less than 100 ns: see run.spend

	// maxTrial is for all executions together that Parse tries a template with. The
	// samples are small: what needs more is spent on the template itself.
	maxTrial = 300_000
)

// Template is a template that was checked. It is safe for concurrent use.
type Template struct {
	as    Dialect
	body  *program
	slots int // block parameters in force at once, at most
}

// Error says what is wrong and where. Its text holds names that stand in the
// template's {{…}}, never text of an event.
type Error struct {
	Line int // of the template, from 1
	Text string

	tooMuch bool // the bound on work is reached
}

func (e *Error) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Text) }

func errorAt(line int, format string, args ...any) *Error {
	return &Error{Line: line, Text: fmt.Sprintf(format, args...)}
}

// Parse checks a template whose result is as as. Beyond its grammar, its helpers
// and its paths it checks what it makes of sample events of every type. The
// error is an *Error: "line 3: …".
func Parse(text string, as Dialect) (*Template, error) {
	t, err := parse(text, as, eventType)
	if err != nil {
		return nil, err
	}
	if err := t.try(); err != nil {
		return nil, err
	}
	return t, nil
}

// parse is Parse for data of any type, without samples.
func parse(text string, as Dialect, data *typ) (*Template, error) {
	if len(text) > MaxTemplate {
		return nil, errorAt(1, "the template must not be longer than %d bytes", MaxTemplate)
	}
	if !utf8.ValidString(text) {
		return nil, errorAt(1, "the template must be valid UTF-8")
	}
	p := &parser{src: text, as: as}
	body, err := p.template()
	if err != nil {
		return nil, err
	}
	trimStandalone(body, true)
	c := &checker{root: data}
	if err := c.template(body); err != nil {
		return nil, err
	}
	if as == Form {
		joinLines(body)
	}
	return &Template{as: as, body: body, slots: c.maxSlots}, nil
}

// Execute renders ev. The same event gives the same bytes. The error is an
// *Error: the result would not be what the dialect promises, or too much.
func (t *Template) Execute(ev *event.Event) ([]byte, error) {
	return t.execute(eventValue(ev), ev.Raw, ev)
}
