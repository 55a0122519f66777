package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

const mostDepth = 32

var (
	errStrict = errors.New("not strict JSON")
	// An escape of half a surrogate pair, which encoding/json replaces in silence.
	surrogate = regexp.MustCompile(`(?i)\\\\|\\ud[89ab][0-9a-f]{2}\\ud[c-f][0-9a-f]{2}|(\\ud[89a-f][0-9a-f]{2})`)
)

// Reads one JSON object as docs/token-format.md §6 wants it: encoding/json takes names that stand twice, any depth, lone
// surrogates and bytes that are not UTF-8.
func strictObject(text []byte) (map[string]json.RawMessage, error) {
	if !utf8.Valid(text) {
		return nil, errStrict
	}
	for _, found := range surrogate.FindAllSubmatch(text, -1) {
		if len(found[1]) > 0 {
			return nil, errStrict
		}
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	first, err := decoder.Token()
	if err != nil || first != json.Delim('{') {
		return nil, errStrict
	}
	if err := rest(decoder, json.Delim('{'), 1); err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, errStrict
	}
	var members map[string]json.RawMessage
	return members, json.Unmarshal(text, &members)
}

// The rest of an array or object that was opened.
func rest(decoder *json.Decoder, open json.Delim, depth int) error {
	if depth > mostDepth {
		return errStrict
	}
	names := map[string]bool{}
	for decoder.More() {
		if open == '{' {
			name, err := decoder.Token()
			if err != nil || names[name.(string)] {
				return errStrict
			}
			names[name.(string)] = true
		}
		token, err := decoder.Token()
		if err != nil {
			return errStrict
		}
		switch value := token.(type) {
		case json.Delim:
			if err := rest(decoder, value, depth+1); err != nil {
				return err
			}
		case json.Number:
			if _, err := strconv.ParseFloat(value.String(), 64); err != nil {
				return errStrict
			}
		}
	}
	_, err := decoder.Token()
	return err
}

// Pasted gives a token or key without what copying adds (docs/token-format.md §10): white space and invisible characters anywhere, quotes
// around it. Nothing else is removed.
func Pasted(text string) string {
	kept := strings.Map(func(c rune) rune {
		if unicode.IsSpace(c) || invisible(c) {
			return -1
		}
		return c
	}, text)
	return strings.Trim(kept, "\"'`´«»‹›‘’‚‛“”„‟〝〞〟＂＇")
}

// What Unicode calls Default_Ignorable_Code_Point.
func invisible(c rune) bool {
	for _, span := range [][2]rune{
		{0xad, 0xad}, {0x34f, 0x34f}, {0x61c, 0x61c}, {0x115f, 0x1160}, {0x17b4, 0x17b5}, {0x180b, 0x180f},
		{0x200b, 0x200f}, {0x202a, 0x202e}, {0x2060, 0x206f}, {0x3164, 0x3164}, {0xfe00, 0xfe0f}, {0xfeff, 0xfeff},
		{0xffa0, 0xffa0}, {0xfff0, 0xfff8}, {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a}, {0xe0000, 0xe0fff},
	} {
		if span[0] <= c && c <= span[1] {
			return true
		}
	}
	return false
}
