// Package sns is the aws_sns channel: a topic of Amazon SNS, or of a server that
// speaks its protocol. It reads ARNs itself: who checks configs links no AWS SDK.
package sns

import (
	"encoding/json"
	"net/url"
	"regexp"
	"strings"

	"accessrelay/internal/channel"
	"accessrelay/internal/secret"
)

// Type is the channel type's name in answers, metrics and records.
const Type = "aws_sns"

// Config is where the events go and as whom.
type Config struct {
	Topic    Topic
	Region   string        // whose endpoint is called and named in signatures; without an endpoint the topic's
	Endpoint secret.String // a server other than AWS's, without a query; empty for AWS
	// AccessKeyID and SecretAccessKey are both empty for AWS's default chain.
	AccessKeyID     string
	SecretAccessKey secret.String
	MessageGroupID  string // FIFO topics only; empty leaves it to the transport
}

// DefaultChain reports whether the channel has no keys of its own and asks for
// those of the machine it runs on. Only the operator can allow that.
func (c *Config) DefaultChain() bool { return c.AccessKeyID == "" }

// Admit returns nil unless c, a config of any type, asks for the credentials of
// AWS's default chain for a topic that is not among allowed. It is for channels
// of tenants: what the operator wrote down needs no admission.
func Admit(c channel.Config, allowed Patterns) *channel.InvalidError {
	s, ok := c.(*Config)
	if !ok || !s.DefaultChain() || allowed.Match(s.Topic) {
		return nil
	}
	return channel.Invalid(keyTopic, "needs %s and %s: the operator's delivery.aws_default_credentials_for does not list this topic for the credentials of the relay itself", keyID, keySecret)
}

// The keys of a config.
const (
	keyTopic    = "topic_arn"
	keyRegion   = "region"
	keyEndpoint = "endpoint"
	keyID       = "access_key_id"
	keySecret   = "secret_access_key"
	keyGroup    = "message_group_id"
)

// Reveal implements [channel.Config].
func (c *Config) Reveal() json.RawMessage {
	o := map[string]string{keyTopic: c.Topic.String()}
	for key, value := range map[string]string{
		keyEndpoint: c.Endpoint.Reveal(), keyID: c.AccessKeyID, keySecret: c.SecretAccessKey.Reveal(), keyGroup: c.MessageGroupID,
	} {
		if value != "" {
			o[key] = value
		}
	}
	if c.Region != c.Topic.Region {
		o[keyRegion] = c.Region
	}
	out, _ := json.Marshal(o) // strings always marshal
	return out
}

// Plain implements [channel.Plainer].
func (c *Config) Plain() (field, instead string) {
	return channel.PlainURL(keyEndpoint, c.Endpoint.Reveal())
}

// Kind is the aws_sns type.
type Kind struct{}

// Type implements [channel.Kind].
func (Kind) Type() string { return Type }

// Slug implements [channel.Kind].
func (Kind) Slug() string { return "aws-sns" }

// Parse implements [channel.Kind].
func (Kind) Parse(config json.RawMessage) (channel.Config, error) {
	o, err := channel.ReadObject(config)
	if err != nil {
		return nil, err
	}
	c := &Config{}
	c.topic(o)
	c.keys(o)
	c.place(o)
	if group, ok := o.Text(keyGroup); ok {
		switch {
		case !groupForm.MatchString(group):
			o.Fail(keyGroup, "must be at most 128 letters, digits and punctuation marks, without blanks")
		case c.Topic != Topic{} && !c.Topic.FIFO():
			o.Fail(keyGroup, "is for FIFO topics only, whose names end in .fifo")
		}
		c.MessageGroupID = group
	}
	if err := o.Err(); err != nil {
		return nil, err
	}
	return c, nil
}

func (c *Config) topic(o *channel.Object) {
	if !o.Has(keyTopic) {
		o.Fail(keyTopic, "is required")
	}
	if arn, ok := o.Text(keyTopic); ok {
		topic, problem := parseTopic(arn)
		if problem != "" {
			o.Fail(keyTopic, problem)
		}
		c.Topic, c.Region = topic, topic.Region
	}
}

var (
	// An id goes into a header as it is. AWS's are upper-case letters and digits;
	// servers that only speak its protocol are content with words.
	idForm     = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,128}$`)
	awsIDForm  = regexp.MustCompile(`^[A-Z0-9]{16,128}$`)
	secretForm = regexp.MustCompile(`^[[:graph:]]{1,256}$`)
	// From the reference of Publish.
	groupForm = regexp.MustCompile(`^[[:graph:]]{1,128}$`)
)

// temporary is how the ids of keys begin that are nothing without a session token.
const temporary = "ASIA"

// keys reads the channel's own credentials: both parts or none.
func (c *Config) keys(o *channel.Object) {
	ours := !o.Has(keyEndpoint) // AWS's own, whose form is known
	hasID, hasSecret := o.Has(keyID), o.Has(keySecret)
	id, idOK := o.Text(keyID)
	key, keyOK := o.Text(keySecret)
	switch {
	case hasID && !hasSecret:
		o.Fail(keySecret, "is required where there is an access_key_id")
	case hasSecret && !hasID:
		o.Fail(keyID, "is required where there is a secret_access_key")
	case !hasID && !ours:
		o.Fail(keyEndpoint, "needs access_key_id and secret_access_key: the credentials of the relay itself go to AWS alone")
	}
	switch {
	case !idOK:
	case ours && !awsIDForm.MatchString(id), !idForm.MatchString(id):
		o.Fail(keyID, "must be the id of an access key, such as AKIA and 16 more letters and digits")
	case ours && strings.HasPrefix(id, temporary):
		o.Fail(keyID, "is of temporary credentials (ASIA…), which expire and are nothing without a session token; give a user's access key (AKIA…)")
	}
	if keyOK && !secretForm.MatchString(key) {
		o.Fail(keySecret, "must be at most 256 ASCII characters without blanks")
	}
	c.AccessKeyID, c.SecretAccessKey = id, secret.New(key)
}

// place reads what says whom to call. AWS's host is made out of the region, and
// SNS takes messages for topics of its own region alone.
func (c *Config) place(o *channel.Object) {
	endpoint, hasEndpoint := o.Text(keyEndpoint)
	if hasEndpoint {
		if problem := checkEndpoint(endpoint); problem != "" {
			o.Fail(keyEndpoint, problem)
		}
		c.Endpoint = secret.New(endpoint)
	}
	region, ok := o.Text(keyRegion)
	switch {
	case !ok:
		return
	case !validRegion(region):
		o.Fail(keyRegion, "must be a region such as eu-central-1")
	case !hasEndpoint && c.Topic != Topic{} && region != c.Topic.Region:
		o.Fail(keyRegion, "must be the region in topic_arn: SNS takes messages for the topics of its own region only; leave it out")
	}
	c.Region = region
}

func checkEndpoint(raw string) (problem string) {
	if problem := channel.CheckURL(raw); problem != "" {
		return problem
	}
	if u, err := url.Parse(raw); err != nil || strings.Contains(raw, "?") || u.RawPath != "" {
		return "must not have a query (?…) or an encoded / in its path"
	}
	return ""
}

// Mask implements [channel.Kind].
func (Kind) Mask(config json.RawMessage) json.RawMessage {
	return channel.MaskObject(config, map[string]func(json.RawMessage) any{
		keyTopic:    channel.ShowPlain,
		keyRegion:   channel.ShowPlain,
		keyEndpoint: channel.ShowURL,
		keyID:       showID,
		keyGroup:    channel.ShowPlain,
	})
}

// showID hides what is longer than ids are: a secret key in the wrong place.
func showID(value json.RawMessage) any {
	const longest = 32
	s, ok := channel.ShowPlain(value).(string)
	if !ok || len(s) > longest || !idForm.MatchString(s) {
		return channel.Mask
	}
	return s
}
