package keyward

import (
	"encoding/base64"
	"errors"
	"math"
	"sort"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

var errJSON = errors.New("not the JSON that is wanted")

// A value of JSON as docs/token-format.md, section 6, wants it. Package encoding/json takes names that stand twice, any depth, lone
// surrogates and bytes that are not UTF-8, and takes "EXP" for "exp".
type value struct {
	kind byte   // '{', '[', '"', '0', 't', 'f', 'n'
	raw  string // as it is written
	text string // of a string, with escapes resolved
	// Of an object, in their order.
	names []string
	// Of an object or array.
	items []*value
}

// Reads a text that is one object.
func readObject(text string, mostDepth int) (*value, error) {
	r := reader{text: text}
	if !utf8.ValidString(text) {
		return nil, errJSON
	}
	r.space()
	read := r.value(mostDepth)
	r.space()
	if read == nil || read.kind != '{' || r.at != len(text) {
		return nil, errJSON
	}
	return read, nil
}

// The member of an object, nil if there is none.
func (v *value) member(name string) *value {
	if v == nil || v.kind != '{' {
		return nil
	}
	for at, known := range v.names {
		if known == name {
			return v.items[at]
		}
	}
	return nil
}

func (v *value) is(kind byte) bool { return v != nil && v.kind == kind }

// Whether it is absent or null.
func (v *value) isNull() bool { return v == nil || v.kind == 'n' }

func (v *value) isText(text string) bool { return v.is('"') && v.text == text }

func (v *value) areTexts() bool {
	for _, item := range v.items {
		if !item.is('"') {
			return false
		}
	}
	return v.kind == '['
}

// A number in plain digits, without sign, fraction and exponent.
func (v *value) integer() (uint64, bool) {
	if !v.is('0') || strings.Trim(v.raw, "0123456789") != "" {
		return 0, false
	}
	number, err := strconv.ParseUint(v.raw, 10, 64)
	return number, err == nil
}

type reader struct {
	text string
	at   int
}

func (r *reader) peek() byte {
	if r.at < len(r.text) {
		return r.text[r.at]
	}
	return 0
}

func (r *reader) eat(c byte) bool {
	found := r.at < len(r.text) && r.text[r.at] == c
	if found {
		r.at++
	}
	return found
}

func (r *reader) space() {
	for r.at < len(r.text) && strings.IndexByte(" \t\n\r", r.text[r.at]) >= 0 {
		r.at++
	}
}

// The next value; nil if there is none.
func (r *reader) value(levels int) *value {
	start, read := r.at, &value{}
	switch c := r.peek(); c {
	case '{', '[':
		read.kind = c
		if levels == 0 || !r.items(read, levels-1) {
			return nil
		}
	case '"':
		read.kind = c
		text, ok := r.str()
		if !ok {
			return nil
		}
		read.text = text
	case 't', 'f', 'n':
		read.kind = c
		word := map[byte]string{'t': "true", 'f': "false", 'n': "null"}[c]
		if !strings.HasPrefix(r.text[r.at:], word) {
			return nil
		}
		r.at += len(word)
	default:
		read.kind = '0'
		if !r.number() {
			return nil
		}
	}
	read.raw = r.text[start:r.at]
	return read
}

func (r *reader) items(read *value, levels int) bool {
	end := map[byte]byte{'{': '}', '[': ']'}[read.kind]
	known := map[string]bool{}
	r.at++
	r.space()
	if r.eat(end) {
		return true
	}
	for {
		if read.kind == '{' {
			name, ok := r.str()
			if !ok || known[name] {
				return false
			}
			known[name] = true
			read.names = append(read.names, name)
			r.space()
			if !r.eat(':') {
				return false
			}
			r.space()
		}
		item := r.value(levels)
		if item == nil {
			return false
		}
		read.items = append(read.items, item)
		r.space()
		if r.eat(end) {
			return true
		}
		if !r.eat(',') {
			return false
		}
		r.space()
	}
}

func (r *reader) number() bool {
	start := r.at
	r.eat('-')
	if !r.eat('0') && !r.digits() {
		return false
	}
	if r.eat('.') && !r.digits() {
		return false
	}
	if r.eat('e') || r.eat('E') {
		if !r.eat('+') {
			r.eat('-')
		}
		if !r.digits() {
			return false
		}
	}
	number, _ := strconv.ParseFloat(r.text[start:r.at], 64)
	return !math.IsInf(number, 0)
}

func (r *reader) digits() bool {
	start := r.at
	for r.peek() >= '0' && r.peek() <= '9' {
		r.at++
	}
	return r.at > start
}

func (r *reader) str() (string, bool) {
	if !r.eat('"') {
		return "", false
	}
	start := r.at
	for r.at < len(r.text) && r.text[r.at] >= 0x20 && r.text[r.at] != '"' && r.text[r.at] != '\\' {
		r.at++
	}
	if r.eat('"') {
		return r.text[start : r.at-1], true
	}
	text := []byte(r.text[start:r.at])
	for r.at < len(r.text) && r.text[r.at] >= 0x20 {
		c := r.text[r.at]
		r.at++
		if c == '"' {
			return string(text), true
		}
		if c != '\\' {
			text = append(text, c)
			continue
		}
		escaped, ok := r.escape()
		if !ok {
			return "", false
		}
		text = utf8.AppendRune(text, escaped)
	}
	return "", false
}

func (r *reader) escape() (rune, bool) {
	c := r.peek()
	r.at++
	if found := strings.IndexByte(`"\/bfnrt`, c); found >= 0 && c != 0 {
		return rune("\"\\/\b\f\n\r\t"[found]), true
	}
	first, ok := r.unit()
	if c != 'u' || !ok {
		return 0, false
	}
	if !utf16.IsSurrogate(first) {
		return first, true
	}
	if !r.eat('\\') || !r.eat('u') {
		return 0, false
	}
	second, ok := r.unit()
	joined := utf16.DecodeRune(first, second)
	return joined, ok && joined != utf8.RuneError
}

func (r *reader) unit() (rune, bool) {
	if r.at+4 > len(r.text) {
		return 0, false
	}
	unit, err := strconv.ParseUint(r.text[r.at:r.at+4], 16, 16)
	r.at += 4
	return rune(unit), err == nil
}

// Writes the text by RFC 8785.
func (v *value) canonical(to *strings.Builder) {
	switch v.kind {
	case '{':
		order := make([]int, len(v.names))
		for at := range order {
			order[at] = at
		}
		sort.Slice(order, func(i, j int) bool { return lessUTF16(v.names[order[i]], v.names[order[j]]) })
		for count, at := range order {
			to.WriteByte("{,"[min(count, 1)])
			canonicalText(v.names[at], to)
			to.WriteByte(':')
			v.items[at].canonical(to)
		}
		to.WriteString("{}"[min(len(order), 1):])
	case '[':
		to.WriteByte('[')
		for count, item := range v.items {
			to.WriteString(","[:min(count, 1)])
			item.canonical(to)
		}
		to.WriteByte(']')
	case '"':
		canonicalText(v.text, to)
	case '0':
		number, _ := strconv.ParseFloat(v.raw, 64)
		to.WriteString(canonicalNumber(number))
	default:
		to.WriteString(v.raw)
	}
}

func lessUTF16(one, other string) bool {
	a, b := utf16.Encode([]rune(one)), utf16.Encode([]rune(other))
	for at := 0; at < len(a) && at < len(b); at++ {
		if a[at] != b[at] {
			return a[at] < b[at]
		}
	}
	return len(a) < len(b)
}

func canonicalText(text string, to *strings.Builder) {
	to.WriteByte('"')
	for _, c := range text {
		if found := strings.IndexRune("\"\\\b\f\n\r\t", c); found >= 0 {
			to.WriteByte('\\')
			to.WriteByte(`"\bfnrt`[found])
		} else if c < 0x20 {
			to.WriteString(`\u00`)
			to.WriteByte("01"[c>>4])
			to.WriteByte("0123456789abcdef"[c&15])
		} else {
			to.WriteRune(c)
		}
	}
	to.WriteByte('"')
}

// As ECMAScript writes it.
func canonicalNumber(number float64) string {
	size := math.Abs(number)
	if number == 0 {
		return "0"
	}
	if size >= 1e-6 && size < 1e21 {
		return strconv.FormatFloat(number, 'f', -1, 64)
	}
	text := strconv.FormatFloat(number, 'e', -1, 64)
	// Without the zero that Go writes before an exponent of one digit.
	return strings.Replace(strings.Replace(text, "e-0", "e-", 1), "e+0", "e+", 1)
}

func min(one, other int) int {
	if one < other {
		return one
	}
	return other
}

// base64url without padding in its one canonical form. The decoder passes over line ends.
func decode(text string) ([]byte, bool) {
	data, err := base64.RawURLEncoding.Strict().DecodeString(text)
	return data, err == nil && !strings.ContainsAny(text, "\r\n")
}

func encode(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }

// Canonical gives the text of a JSON object by RFC 8785, which answers are signed in.
func Canonical(object string) (string, error) {
	read, err := readObject(object, mostAnswerDepth)
	if err != nil {
		return "", err
	}
	var text strings.Builder
	read.canonical(&text)
	return text.String(), nil
}
