package sns

import (
	"regexp"
	"strings"
)

// Topic is a topic's ARN, taken apart:
// arn:<partition>:sns:<region>:<account>:<name>.
type Topic struct {
	Partition string // aws, aws-cn, aws-us-gov, …
	Region    string
	Account   string // 12 digits
	Name      string // of a FIFO topic with .fifo at its end
}

// String is the ARN.
func (t Topic) String() string {
	return strings.Join([]string{"arn", t.Partition, "sns", t.Region, t.Account, t.Name}, ":")
}

// FIFO reports whether the topic keeps an order, which AWS tells by the name.
func (t Topic) FIFO() bool { return strings.HasSuffix(t.Name, fifoSuffix) }

const (
	fifoSuffix = ".fifo"
	arnParts   = 6
	maxName    = 256 // .fifo included
)

// partitions are AWS's separate clouds, with how the names of their regions
// begin. All other regions are of the partition aws. From the partitions that
// AWS's own SDK lists.
var partitions = []struct{ name, prefix string }{
	{"aws-cn", "cn-"},
	{"aws-us-gov", "us-gov-"},
	{"aws-eusc", "eusc-"},
	{"aws-iso", "us-iso-"},
	{"aws-iso-b", "us-isob-"},
	{"aws-iso-e", "eu-isoe-"},
	{"aws-iso-f", "us-isof-"},
}

const mainPartition = "aws"

// partitionOf returns the partition that a region is of.
func partitionOf(region string) string {
	for _, p := range partitions {
		if strings.HasPrefix(region, p.prefix) {
			return p.name
		}
	}
	return mainPartition
}

func knownPartition(name string) bool {
	for _, p := range partitions {
		if p.name == name {
			return true
		}
	}
	return name == mainPartition
}

var (
	// regionForm is what a region's name looks like. The SDK makes the host out of
	// it, so nothing may pass that could lead elsewhere.
	regionForm  = regexp.MustCompile(`^[a-z]{2,4}(-[a-z]{2,16}){1,3}-[0-9]{1,2}$`)
	accountForm = regexp.MustCompile(`^[0-9]{12}$`)
	nameForm    = regexp.MustCompile(`^[A-Za-z0-9_-]+(\.fifo)?$`)
)

// validRegion knows no list of regions: new ones open. The old names that begin
// with fips- stand for another region, and no ARN has them.
func validRegion(s string) bool {
	return regionForm.MatchString(s) && !strings.HasPrefix(s, "fips-")
}

func validName(s string) bool { return len(s) <= maxName && nameForm.MatchString(s) }

// parseTopic takes an ARN apart, or says what is wrong with it. The text holds
// nothing of it.
func parseTopic(arn string) (t Topic, problem string) {
	parts := strings.Split(arn, ":")
	if len(parts) != arnParts || parts[0] != "arn" || parts[2] != "sns" {
		return Topic{}, "must be the ARN of a topic such as arn:aws:sns:eu-central-1:123456789012:access-events"
	}
	t = Topic{Partition: parts[1], Region: parts[3], Account: parts[4], Name: parts[5]}
	switch {
	case !knownPartition(t.Partition):
		return Topic{}, "must have a partition of AWS after arn: (aws, aws-cn, aws-us-gov, …)"
	case !validRegion(t.Region):
		return Topic{}, "must have a region after sns: such as eu-central-1"
	case partitionOf(t.Region) != t.Partition:
		return Topic{}, "names a region that is not of its partition"
	case !accountForm.MatchString(t.Account):
		return Topic{}, "must have the 12 digits of an account before the topic's name"
	case !validName(t.Name):
		return Topic{}, "must end in a topic's name: at most 256 letters, digits, - and _, with .fifo at the end of a FIFO topic's"
	}
	return t, ""
}
