package keyward

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"math"
	"strings"
	"time"
	"unicode"
)

const (
	keptClockTolerance = 3_600
	mostAnswerDepth    = 64
)

// Question is what is asked of the server: POST /api/v1/validate with the product API key as bearer token. How it travels is the
// application's business.
type Question struct {
	// LicenseKey is the license key, or the license's token.
	LicenseKey string `json:"license_key"`
	// Version is the version that wants to run; "" if none is named.
	Version string `json:"version,omitempty"`
	// Nonce is random text that no other question has.
	Nonce string `json:"nonce"`
	// MachineID ties the answer to a machine, an installation or a volume. The server sees a hash of it that is new with each question.
	MachineID string `json:"-"`
}

// NewQuestion makes a question with a nonce of its own. machineID is "" for an answer that is tied to none.
func NewQuestion(licenseKey, version, machineID string) (Question, error) {
	random := make([]byte, 16)
	if _, err := rand.Read(random); err != nil {
		return Question{}, err
	}
	question := Question{LicenseKey: Pasted(licenseKey), Version: version, Nonce: encode(random), MachineID: machineID}
	if machineID != "" {
		question.Nonce += "." + machineTag(machineID, question.Nonce)
	}
	return question, nil
}

// Body is that of the request.
func (q Question) Body() []byte {
	body, _ := json.Marshal(q) // texts alone: it can't fail
	return body
}

func (q Question) isByMachineOf(nonce string) bool {
	random, tag, has := strings.Cut(nonce, ".")
	if q.MachineID == "" {
		return !has
	}
	return has && machineTag(q.MachineID, random) == tag
}

func machineTag(machineID, random string) string {
	machine := sha256.Sum256([]byte("keyward-client machine.1\x00" + machineID))
	hash := sha256.Sum256([]byte("keyward-client nonce.1\x00" + string(machine[:]) + random))
	return encode(hash[:16])
}

// Answer is a verified answer: only AnswerVerifier makes one.
type Answer struct {
	// Valid says whether the license may run.
	Valid bool
	// Status is "active", or why it may not.
	Status string
	// SignedAt is by the server's clock; ExpiresAt is zero for a license without end.
	SignedAt, ExpiresAt time.Time
	// Custom is the text of what the vendor has added for valid licenses; nil if nothing.
	Custom json.RawMessage

	members *value
}

// Member gives the text of a member, named as docs/validation.md names it; nil if it is absent.
func (a *Answer) Member(name string) json.RawMessage {
	if found := a.members.member(name); found != nil {
		return json.RawMessage(found.raw)
	}
	return nil
}

// AnswerVerifier tells the server's answers from all else. All products of a vendor are signed for by the same keys, so it is for one.
type AnswerVerifier struct {
	keys      *Keyring
	product   string
	tolerance int64
}

// NewAnswerVerifier makes one that lets the clocks of machine and server differ by 300 seconds.
func NewAnswerVerifier(keys *Keyring, productID string) *AnswerVerifier {
	return &AnswerVerifier{keys: keys, product: productID, tolerance: 300}
}

// WithClockTolerance gives the same with another tolerance.
func (v AnswerVerifier) WithClockTolerance(seconds uint32) *AnswerVerifier {
	v.tolerance = int64(seconds)
	return &v
}

// Verify gives the server's answer to the question. What it says is not yet looked at: see Valid.
func (v *AnswerVerifier) Verify(body []byte, question Question, now time.Time) (*Answer, error) {
	answer, err := v.signed(string(body))
	if err != nil {
		return nil, err
	}
	if !answer.members.member("license_key").isText(question.LicenseKey) || !answer.members.member("nonce").isText(question.Nonce) {
		return nil, refusal("wrong_question", "the answer is to another question")
	}
	// The nonce shows that it is of now, so a refusal counts whatever the clock says.
	differ := answer.SignedAt.Unix() - now.Unix()
	if answer.Valid && (differ > v.tolerance || differ < -v.tolerance) {
		return nil, refusal("stale", "the clocks of this machine and of the server differ too much")
	}
	return answer, nil
}

// Recall gives a kept body again, and until when it lets the application run.
func (v *AnswerVerifier) Recall(kept []byte, question Question, now time.Time, offline time.Duration) (*Answer, time.Time, error) {
	answer, err := v.signed(string(kept))
	if err != nil {
		return nil, time.Time{}, err
	}
	until, err := recalled(answer, question, now.Unix(), int64(offline/time.Second))
	return answer, time.Unix(until, 0).UTC(), err
}

func recalled(answer *Answer, question Question, at, offlineSeconds int64) (int64, error) {
	errOther := refusal("wrong_question", "the kept answer is to another question")
	nonce, version := answer.members.member("nonce"), answer.members.member("version")
	other := version.is('"') && version.text != question.Version || version.isNull() && !answer.members.member("version_valid").isNull()
	signed := answer.SignedAt.Unix()
	until := signed + offlineSeconds
	ended := refusal("offline_period", "the offline period is over")
	// An answer that was good after the end says that the end does not count.
	if end := answer.ExpiresAt.Unix(); !answer.ExpiresAt.IsZero() && end > signed && end < until {
		until, ended = end, refusal("expired", "the license has ended")
	}
	switch {
	case nonce.isNull() || canonicalKey(answer.members.member("license_key").text) != canonicalKey(question.LicenseKey):
		return 0, errOther
	case !question.isByMachineOf(nonce.text):
		return 0, refusal("other_machine", "the kept answer is another machine's")
	case !answer.Valid:
		return 0, refusal("refused", "the server has refused the license before: "+answer.Status)
	case question.Version != "" && other:
		return 0, errOther
	case at < signed-keptClockTolerance:
		return 0, refusal("clock_set_back", "the clock was set back")
	case at >= until:
		return 0, ended
	}
	return until, nil
}

// Decision is what the application may do.
type Decision struct {
	MayRun bool
	// Reason is "licensed", "offline" or "refused"; or the code of why nobody trustworthy has decided, such as "offline_period".
	Reason string
	// Answer is what the server has said, now or before; nil if nothing that counts.
	Answer *Answer
	// Until is until when a kept answer counts.
	Until time.Time
	// Keep is what to keep for the next time, in place of what was kept.
	Keep []byte
	// Fault says why the body that came back does not count; nil if it does, or if none came.
	Fault error
}

// Decide says what the application may do, by the body that came back (nil if none did) and the one kept before. A signed refusal ends the
// offline period: keep Keep in either case.
func (v *AnswerVerifier) Decide(question Question, body, kept []byte, now time.Time, offline time.Duration) Decision {
	decision := Decision{Reason: "unreachable", Keep: kept}
	if body != nil {
		answer, err := v.Verify(body, question, now)
		if err == nil {
			reason := map[bool]string{true: "licensed", false: "refused"}[answer.Valid]
			return Decision{MayRun: answer.Valid, Reason: reason, Answer: answer, Keep: body}
		}
		decision.Reason, decision.Fault = Code(err), err
	}
	if kept == nil {
		return decision
	}
	answer, until, err := v.Recall(kept, question, now, offline)
	if err != nil {
		decision.Reason = Code(err)
		return decision
	}
	decision.MayRun, decision.Reason, decision.Answer, decision.Until = true, "offline", answer, until
	return decision
}

func (v *AnswerVerifier) signed(body string) (*Answer, error) {
	errAnswer := refusal("malformed", "the answer is not one of a validation")
	errSignature := refusal("bad_signature", "the signature of the answer is wrong")
	read, err := readObject(body, mostAnswerDepth)
	signature := read.member("signature")
	if err != nil || signature == nil || !signature.is('"') && !signature.is('n') {
		return nil, errAnswer
	}
	if signature.is('n') {
		return nil, refusal("unsigned", "the answer is not signed: turn signed validation on for this product")
	}
	data, ok := decode(signature.text)
	if !ok || len(data) != 64 {
		return nil, errSignature
	}
	kid := read.member("kid")
	key := v.keys.Get(textOf(kid))
	if key == nil {
		return nil, refusal("unknown_key", "the answer is signed by an unknown key")
	}
	members := &value{kind: '{'}
	for at, name := range read.names {
		if name != "signature" {
			members.names, members.items = append(members.names, name), append(members.items, read.items[at])
		}
	}
	var message strings.Builder
	members.canonical(&message)
	if !key.Verifies([]byte(message.String()), data) {
		return nil, errSignature
	}
	answer := answerOf(members)
	if answer == nil {
		return nil, errAnswer
	}
	if !members.member("product_id").isText(v.product) {
		return nil, refusal("wrong_product", "the answer is of another product")
	}
	return answer, nil
}

// With the types of docs/validation.md, nil for others; what may be null may be absent.
func answerOf(members *value) *Answer {
	fits := members.member("valid").is('t') || members.member("valid").is('f')
	for _, name := range []string{"status", "signed_at", "license_key"} {
		fits = fits && members.member(name).is('"')
	}
	for name, kinds := range map[string]string{
		"ip_registered": "tf", "version_valid": "tf", "expires": `"`, "version": `"`, "product_id": `"`, "nonce": `"`, "custom": "{",
	} {
		member := members.member(name)
		fits = fits && (member.isNull() || strings.IndexByte(kinds, member.kind) >= 0)
	}
	for _, name := range []string{"ip_count", "max_ips"} {
		number, ok := members.member(name).integer()
		fits = fits && (members.member(name).isNull() || ok && number <= math.MaxUint32)
	}
	if !fits {
		return nil
	}
	signed, expires := fromRFC3339(members.member("signed_at").text), (*int64)(nil)
	if member := members.member("expires"); !member.isNull() {
		if expires = fromRFC3339(member.text); expires == nil {
			return nil
		}
	}
	if signed == nil {
		return nil
	}
	answer := &Answer{Valid: members.member("valid").is('t'), Status: members.member("status").text, SignedAt: timeOf(signed),
		ExpiresAt: timeOf(expires), members: members}
	if custom := members.member("custom"); !custom.isNull() {
		answer.Custom = json.RawMessage(custom.raw)
	}
	return answer
}

// A license key as the server reads it, however it is written; a token is its text.
func canonicalKey(text string) string {
	text = Pasted(text)
	if strings.Contains(text, ".") || len(text) > 400 {
		return text
	}
	key := strings.Map(func(c rune) rune {
		if !unicode.In(c, unicode.L, unicode.N, unicode.Other_Alphabetic) {
			return -1
		}
		if c >= '！' && c <= '～' {
			c -= 0xfee0
		}
		if c >= 'a' && c <= 'z' {
			c -= 'a' - 'A'
		}
		switch c {
		case 'O':
			return '0'
		case 'I', 'L':
			return '1'
		}
		return c
	}, text)
	if len(key) != 25 || strings.IndexFunc(key, func(c rune) bool { return c > unicode.MaxASCII }) >= 0 {
		return text
	}
	return key
}
