package sns

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"

	config "accessrelay/internal/channel/sns"
	"accessrelay/internal/event"
	"accessrelay/internal/transport"
)

// maxPublish is what SNS takes, in bytes of UTF-8. The attributes count; the rest
// of a request is counted too, to be on the safe side.
const maxPublish = 262_144

// publication is the request to publish ev. The same event always gives the same
// one. The error is a *transport.SendError.
func publication(c *config.Config, ev *event.Event) (*sdk.PublishInput, error) {
	in := &sdk.PublishInput{TopicArn: aws.String(c.Topic.String()), Subject: aws.String(subject(ev))}
	if c.Topic.FIFO() {
		in.MessageGroupId = aws.String(group(c, ev))
		in.MessageDeduplicationId = aws.String(ev.ID)
	}
	for _, s := range sizes {
		small, trimmed := s.fit(ev)
		message, err := body(small, trimmed)
		if err != nil {
			return nil, err
		}
		in.Message = aws.String(string(message))
		in.MessageAttributes = attributes(small, trimmed)
		if weight(in) <= maxPublish {
			return in, nil
		}
	}
	return nil, transport.Unrenderable("the event does not fit into SNS's 256 KiB, however much is left out")
}

// body is the message: what webhooks get, and what was left out of it, if
// anything. The key stands beside data, whose keys are the canonical event's.
func body(ev *event.Event, trimmed []string) ([]byte, error) {
	message, err := json.Marshal(struct {
		Type      event.Type   `json:"type"`
		Timestamp time.Time    `json:"timestamp"`
		Data      *event.Event `json:"data"`
		Trimmed   []string     `json:"trimmed,omitempty"`
	}{ev.Type, ev.At().UTC(), ev, trimmed})
	if err != nil {
		return nil, transport.Unrenderable("the event cannot be written as JSON") // err may quote the event
	}
	return sendable(message), nil
}

// sendable writes those characters as escapes that JSON may hold as they are and
// a queue's message may not: U+FFFE and U+FFFF, which can stand in strings only.
func sendable(message []byte) []byte {
	if !utf8.Valid(message) { // raw, if it was not checked
		message = bytes.ToValidUTF8(message, []byte("\ufffd"))
	}
	message = bytes.ReplaceAll(message, []byte("\ufffe"), []byte(`\ufffe`))
	return bytes.ReplaceAll(message, []byte("\uffff"), []byte(`\uffff`))
}

// attributes are for subscriptions to filter by. One without a value is left out:
// SNS takes no empty ones.
func attributes(ev *event.Event, trimmed []string) map[string]types.MessageAttributeValue {
	out := map[string]types.MessageAttributeValue{}
	for name, value := range map[string]string{
		"type": string(ev.Type), "platform": ev.Platform, "source": ev.Source, "tenant_id": ev.TenantID,
		"trimmed": strings.Join(trimmed, ","),
	} {
		if value != "" {
			out[name] = types.MessageAttributeValue{DataType: aws.String("String"), StringValue: aws.String(value)}
		}
	}
	return out
}

// weight is an upper bound of what SNS counts.
func weight(in *sdk.PublishInput) int {
	n := 0
	for _, s := range []*string{in.Message, in.Subject, in.MessageGroupId, in.MessageDeduplicationId} {
		n += len(aws.ToString(s))
	}
	for name, value := range in.MessageAttributes {
		n += len(name) + len(aws.ToString(value.DataType)) + len(aws.ToString(value.StringValue))
	}
	return n
}

var groupForm = regexp.MustCompile(`^[[:graph:]]{1,128}$`)

// group is which messages of a FIFO topic wait for each other: without another
// word, those of a source. So its events come in the order in which they were
// published, and a consumer that is stuck with one of them holds up no others'.
func group(c *config.Config, ev *event.Event) string {
	switch {
	case c.MessageGroupID != "":
		return c.MessageGroupID
	case groupForm.MatchString(ev.Source):
		return ev.Source
	}
	return "accessrelay" // no source is called so that it comes to this
}
