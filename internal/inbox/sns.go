package inbox

import (
	"cmp"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"
)

// Limits of SNS's Publish, from its API reference (version 2010-03-31).
const (
	maxPublication   = 256 << 10 // bytes: the message and its attributes together
	maxSNSSubject    = 100       // characters
	maxAttributeName = 256
	maxSNSID         = 128 // characters of a group's and of a deduplication id
)

// Publication is what was published to a topic.
type Publication struct {
	TopicARN        string      `json:"topic_arn"`
	Subject         string      `json:"subject,omitempty"`
	Message         string      `json:"message"` // the payload, when it is JSON
	Attributes      []Attribute `json:"attributes,omitempty"`
	GroupID         string      `json:"message_group_id,omitempty"`
	DeduplicationID string      `json:"message_deduplication_id,omitempty"`
	MessageID       string      `json:"message_id,omitempty"`    // that was answered
	SignedFor       string      `json:"signed_region,omitempty"` // the region in the signature's scope, which is not checked
}

// Attribute is a message attribute: what filter policies go by.
type Attribute struct {
	Name  string `json:"name"`
	Type  string `json:"type"`  // String, String.Array, Number, Binary
	Value string `json:"value"` // of a binary one: base64
}

func (p *Publication) size() int {
	n := len(p.Message)
	for _, a := range p.Attributes {
		n += len(a.Name) + len(a.Type) + len(a.Value)
	}
	return n
}

// snsProblem is a refusal in SNS's words.
type snsProblem struct {
	status       int
	code, detail string
}

func invalidParameter(format string, args ...any) *snsProblem {
	return &snsProblem{http.StatusBadRequest, "InvalidParameter", fmt.Sprintf(format, args...)}
}

func acceptSNS(_ *Inbox, h http.Header, m *Message) (int, string) {
	m.Payload = nil // the form is not the message
	m.SNS = &Publication{}
	problem := m.SNS.read(h, m.Body)
	if raw := []byte(m.SNS.Message); json.Valid(raw) && utf8.Valid(raw) {
		m.Payload = raw
	}
	if id := m.SNS.DeduplicationID; id != "" {
		m.identity = "sns " + id
	}
	if problem != nil {
		m.Problem = problem.detail
		return problem.status, snsError(problem.status, problem.code, problem.detail)
	}
	m.SNS.MessageID = uuid.NewString()
	return http.StatusOK, m.SNS.answer()
}

// read reads a request of the Query protocol. It fills in what it can even when there
// is a problem.
func (p *Publication) read(h http.Header, body string) *snsProblem {
	form, err := url.ParseQuery(body)
	if err != nil {
		return &snsProblem{http.StatusBadRequest, "MalformedQueryString", "the body is not a form"}
	}
	p.TopicARN, p.Subject, p.Message = form.Get("TopicArn"), form.Get("Subject"), form.Get("Message")
	p.GroupID, p.DeduplicationID = form.Get("MessageGroupId"), form.Get("MessageDeduplicationId")
	p.SignedFor = signedRegion(h.Get("Authorization"))
	attributes := p.readAttributes(form)
	if action := form.Get("Action"); action != "Publish" {
		return &snsProblem{http.StatusBadRequest, "InvalidAction", fmt.Sprintf("Action: %.40q is not Publish, which is all that the inbox has", action)}
	}
	if problem := p.check(h); problem != nil {
		return problem
	}
	return attributes
}

// readAttributes reads MessageAttributes.entry.1 and so on, until one is not there.
func (p *Publication) readAttributes(form url.Values) *snsProblem {
	seen := map[string]bool{}
	var problem *snsProblem
	for n := 1; ; n++ {
		entry := "MessageAttributes.entry." + strconv.Itoa(n)
		if !form.Has(entry + ".Name") {
			return problem
		}
		a := Attribute{Name: form.Get(entry + ".Name"), Type: form.Get(entry + ".Value.DataType")}
		a.Value = cmp.Or(form.Get(entry+".Value.StringValue"), form.Get(entry+".Value.BinaryValue"))
		p.Attributes = append(p.Attributes, a)
		switch kind, _, _ := strings.Cut(a.Type, "."); {
		case problem != nil:
		case seen[a.Name]:
			problem = invalidParameter("Invalid parameter: Message attribute name %.40q is there twice", a.Name)
		case !attributeName.MatchString(a.Name) || len(a.Name) > maxAttributeName:
			problem = invalidParameter("Invalid parameter: Message attribute name %.40q", a.Name)
		case !slices.Contains([]string{"String", "Number", "Binary"}, kind):
			problem = invalidParameter("Invalid parameter: Message attribute %s has the type %.40q", a.Name, a.Type)
		case a.Value == "":
			problem = invalidParameter("Invalid parameter: Message attribute %s must contain a non-empty value", a.Name)
		}
		seen[a.Name] = true
	}
}

var (
	topicARN      = regexp.MustCompile(`^arn:aws[a-z-]*:sns:([a-z0-9-]+):[0-9]{12}:[A-Za-z0-9_-]{1,256}(\.fifo)?$`)
	attributeName = regexp.MustCompile(`^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$`)
	snsID         = regexp.MustCompile(`^[[:graph:]]+$`)
)

func (p *Publication) check(h http.Header) *snsProblem {
	arn := topicARN.FindStringSubmatch(p.TopicARN)
	fifo := strings.HasSuffix(p.TopicARN, ".fifo")
	switch {
	case !strings.HasPrefix(h.Get("Authorization"), "AWS4-HMAC-SHA256 "):
		return &snsProblem{http.StatusForbidden, "MissingAuthenticationToken", "the request is not signed"}
	case arn == nil:
		return invalidParameter("Invalid parameter: TopicArn")
	case p.SignedFor != arn[1]:
		return invalidParameter("Invalid parameter: TopicArn: is in %s, and the request is signed for %.40q", arn[1], p.SignedFor)
	case p.Message == "":
		return invalidParameter("Invalid parameter: Empty message")
	case p.size() > maxPublication:
		return invalidParameter("Invalid parameter: Message too long: %d bytes with its attributes, of at most %d", p.size(), maxPublication)
	case !utf8.ValidString(p.Message):
		return invalidParameter("Invalid parameter: Message: is not UTF-8")
	case badSubject(p.Subject):
		return invalidParameter("Invalid parameter: Subject: longer than %d characters, or with control characters", maxSNSSubject)
	case fifo && p.GroupID == "":
		return invalidParameter("Invalid parameter: The MessageGroupId parameter is required for FIFO topics")
	case !fifo && p.DeduplicationID != "":
		return invalidParameter("Invalid parameter: The MessageDeduplicationId parameter is only for FIFO topics")
	case badID(p.GroupID), badID(p.DeduplicationID):
		return invalidParameter("Invalid parameter: MessageGroupId or MessageDeduplicationId: must be 1 to %d printable characters", maxSNSID)
	}
	return nil
}

func badSubject(s string) bool {
	return utf8.RuneCountInString(s) > maxSNSSubject || !utf8.ValidString(s) || strings.IndexFunc(s, unicode.IsControl) >= 0
}

func badID(s string) bool { return s != "" && (len(s) > maxSNSID || !snsID.MatchString(s)) }

// signedRegion returns the region of Credential=KEY/DATE/REGION/sns/aws4_request.
func signedRegion(authorization string) string {
	_, rest, _ := strings.Cut(authorization, "Credential=")
	credential, _, _ := strings.Cut(rest, ",")
	if parts := strings.Split(credential, "/"); len(parts) == 5 && parts[3] == "sns" {
		return parts[2]
	}
	return ""
}

type publishResponse struct {
	XMLName   xml.Name `xml:"http://sns.amazonaws.com/doc/2010-03-31/ PublishResponse"`
	MessageID string   `xml:"PublishResult>MessageId"`
	Sequence  string   `xml:"PublishResult>SequenceNumber,omitempty"`
	RequestID string   `xml:"ResponseMetadata>RequestId"`
}

func (p *Publication) answer() string {
	r := publishResponse{MessageID: p.MessageID, RequestID: uuid.NewString()}
	if strings.HasSuffix(p.TopicARN, ".fifo") {
		r.Sequence = "10000000000000000000" // its order is not kept here
	}
	return marshal(r)
}

type errorResponse struct {
	XMLName   xml.Name `xml:"http://sns.amazonaws.com/doc/2010-03-31/ ErrorResponse"`
	Type      string   `xml:"Error>Type"`
	Code      string   `xml:"Error>Code"`
	Message   string   `xml:"Error>Message"`
	RequestID string   `xml:"RequestId"`
}

func snsError(status int, code, detail string) string {
	r := errorResponse{Type: "Sender", Code: code, Message: detail, RequestID: uuid.NewString()}
	if status >= http.StatusInternalServerError {
		r.Type = "Receiver"
	}
	return marshal(r)
}

// snsCodes are the codes of the statuses that SNS's reference lists; what it does
// not list is answered by something in front of it.
var snsCodes = map[int]string{
	http.StatusBadRequest: "InvalidParameter", http.StatusForbidden: "AuthorizationError", http.StatusNotFound: "NotFound",
	http.StatusTooManyRequests: "Throttling", http.StatusInternalServerError: "InternalError", http.StatusServiceUnavailable: "ServiceUnavailable",
}

func failSNS(status int) string {
	return snsError(status, cmp.Or(snsCodes[status], "Failure"), "failed on purpose")
}

func marshal(v any) string {
	b, err := xml.Marshal(v)
	if err != nil {
		return "" // strings in a struct: cannot be
	}
	return xml.Header + string(b)
}
