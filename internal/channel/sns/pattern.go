package sns

import (
	"errors"
	"regexp"
	"strings"
)

// Pattern stands for topics: an ARN in which * is any run of characters within
// the part between two colons where it stands. It never reaches into the next
// part, so a pattern for one account's topics can match no other account's.
type Pattern struct{ parts [arnParts]string }

var (
	partitionPattern = regexp.MustCompile(`^[a-z*-]+$`)
	regionPattern    = regexp.MustCompile(`^[a-z0-9*-]+$`)
	namePattern      = regexp.MustCompile(`^[A-Za-z0-9_*.-]+$`)
)

// ParsePattern reads a pattern. Its error says what is wrong with it. An account
// is written out or left open as a whole: part of a number means nothing.
func ParsePattern(s string) (Pattern, error) {
	parts := strings.Split(s, ":")
	if len(parts) != arnParts || parts[0] != "arn" || parts[2] != "sns" {
		return Pattern{}, errors.New("must be the ARN of a topic such as arn:aws:sns:eu-central-1:123456789012:access-*; * stands for any text within one part between two colons")
	}
	literal := func(part string) bool { return !strings.Contains(part, "*") }
	partition, region, account, name := parts[1], parts[3], parts[4], parts[5]
	switch {
	case !partitionPattern.MatchString(partition), literal(partition) && !knownPartition(partition):
		return Pattern{}, errors.New("must have a partition of AWS after arn: (aws, aws-cn, aws-us-gov, …)")
	case !regionPattern.MatchString(region), literal(region) && !validRegion(region):
		return Pattern{}, errors.New("must have a region after sns: such as eu-central-1 or eu-*")
	case literal(partition) && literal(region) && partitionOf(region) != partition:
		return Pattern{}, errors.New("names a region that is not of its partition: no topic could match")
	case account != "*" && !accountForm.MatchString(account):
		return Pattern{}, errors.New("must have the 12 digits of an account before the topic's name, or * for any account")
	case !namePattern.MatchString(name), literal(name) && !validName(name):
		return Pattern{}, errors.New("must end in a topic's name such as access-events, access-* or *")
	}
	return Pattern{[arnParts]string(parts)}, nil
}

// Match reports whether p stands for t.
func (p Pattern) Match(t Topic) bool {
	for i, part := range strings.Split(t.String(), ":") {
		if i >= arnParts || !glob(p.parts[i], part) {
			return false
		}
	}
	return true
}

// String is the pattern as it was written.
func (p Pattern) String() string { return strings.Join(p.parts[:], ":") }

// Patterns stand for the topics of any of them; none for no topic.
type Patterns []Pattern

// Match reports whether any of ps stands for t.
func (ps Patterns) Match(t Topic) bool {
	for _, p := range ps {
		if p.Match(t) {
			return true
		}
	}
	return false
}

// glob reports whether s is pattern with something for each *.
func glob(pattern, s string) bool {
	texts := strings.Split(pattern, "*")
	if len(texts) == 1 {
		return s == pattern
	}
	first, last := texts[0], texts[len(texts)-1]
	if len(s) < len(first)+len(last) || !strings.HasPrefix(s, first) || !strings.HasSuffix(s, last) {
		return false
	}
	s = s[len(first) : len(s)-len(last)]
	for _, text := range texts[1 : len(texts)-1] {
		at := strings.Index(s, text)
		if at < 0 {
			return false
		}
		s = s[at+len(text):]
	}
	return true
}
