"""The English that the parser of answers knows, as patterns for lower-case text with one spelling of each character.

Lists are written as words, alternatives separated by `|`. A blank stands for one or more blanks.
"""

from __future__ import annotations

import re

# Stands for an option that was named, so that its own words ("Not a member") are not taken for the speaker's.
MASK = "\u25a1"


def _words(*lists: str) -> str:
    """Return a pattern for any one of the alternatives."""
    return "(?:" + "|".join(lists).replace("\n", " ").replace(" | ", "|").replace(" ", r"\s+") + ")"


# Options that mean nothing in passing ("no idea", "I have read a few"): only a whole or a leading answer counts.
IN_PASSING = frozenset(
    (  # noqa: SIM905 -- a list of strings would take a page
        "yes|no|none|never|rarely|seldom|sometimes|often|always|some|most|all|both|other|maybe"
        "|alone|a few|a little|a lot|hardly any|nearly all|about half|half|many|few|not at all"
        "|a great deal|a fair amount|something else|neither|nothing|nobody|nobody's|once or twice"
        "|one or two|one to three|online|right|left|true|false|same|other race|mixed|more|less"
        "|high|low|good|bad|fair|poor"
    ).split("|")
)
FREQUENCY = frozenset({"never", "rarely", "seldom", "sometimes", "often", "always"})
HABITS = (
    r"(?:go|attend|read|watch|follow|listen|vote|talk|post|share|buy|borrow|visit|use|travel|do)"
    r"(?: (?:to )?(?:church|services|religious services|mass|there|it|them|any|that|this|at all|any ?more|these days"
    r"|now))*"
    r"\s*(?=$|[.,;!\n])"
)
BUT = re.compile(r"\b(?:but|though|although)\b(.*)", re.DOTALL)
NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
# Other words for the options Yes and No, where a question has both.
SAME_AS = {
    "yes": ("yeah", "yep", "yup", "yea", "aye", "yes indeed", "yes sir", "yes ma'am", "of course", "absolutely",
            "certainly", "definitely", "indeed"),
    "no": ("nope", "nah", "nay", "no sir", "no ma'am", "of course not", "absolutely not", "certainly not",
           "definitely not", "not at all"),
}  # fmt: skip

# --- an answer at the start ---
OR_OTHERS = r"(?:(?:or|to|through|versus|vs|bordering|verging|leaning)\b|/)"
AND_OTHERS = re.compile(r"[\s,;]*(?:(?:and|maybe|perhaps|possibly|even)\s+)+")
ENDS_HEAD = re.compile(r"\s*(?:$|\n|[.,;:!)\]\"']|- |\()")
REASON = re.compile(
    r"\s*\b"
    + _words(
        "because|since|as i|given|considering|for me|i think|i guess|i suppose|i'd say|for sure|definitely|indeed"
        "|a month|a week|a year|a day|from me|it is"
    )
    + r"\b"
)
LABEL_HEAD = re.compile(
    r"[(\[\"']*(?:[Oo]ption\s+)?(?P<label>[A-Za-z]|\d{1,2})(?P<close>[)\]\"']*)"
    r"(?P<sep>\s*[.:,]|\s+-|(?=\s*\n)|(?=\s\()|\s)"
)
_FILLERS = _words(
    "well|honestly|hm+|oh|ok|okay|so|um+|uh+|ah|definitely|probably|personally|truthfully|frankly|look|sure|i guess"
    "|i think|i suppose|to be honest|honest answer|if i'm honest|let's see|let me think"
)
_ANSWER_IS = (
    r"(?:(?:my|the)\s+)?(?:(?!wrong|worst|other|second|last|previous|old|usual)\w+\s+){0,2}(?:answer|response|choice|selection|pick|reply)(?:\s+is|\s+would\s+be)?"
)
_I_SAY = r"(?:i'd|i would|i will|i'll|i)\s+(?:(?:probably|definitely|have to|honestly)\s+)*" + _words(
    "say|answer|choose|pick|select|go with|call myself|describe myself as|consider myself|identify as|be|pay|have to"
    "|land on|end up with|end up at|stick with|settle on|fall under|count as|lean|lean to|lean toward|lean towards|opt for|tick"
)
_IT_IS = (
    r"(?:it's|it is|that's|that is|this is|the statement is|it'd be|that'd be|(?:it|that|this) (?:would|has to|would have to|must|should) be"
    r"|(?:please )?(?:put|mark|count) me (?:down )?(?:as|for|under)|(?:i'm |i am )?(?:leaning|going) (?:towards?|with|for)"
    r"|(?:that|this|which) makes (?:me|it|us))"
)
# "Yes, I can answer that": of the question, not an answer to it.
ACKNOWLEDGES = re.compile(
    r"(?:yes|yeah|sure|okay|ok|certainly|of course|no problem)[,.!]? (?:i (?:can|could|will|would|do)? ?|i'(?:ll|m|d) )"
    r"(?:be )?(?:happy to |glad to |able to )?(?:answer|understand|understood|see|do that|help|respond|ready)\b[^.:;!?\n]*[.:;!]\s+",
    re.IGNORECASE,
)
LEAD = re.compile(
    rf"(?:{_IT_IS}\s+|{_FILLERS}\b[\s,.!:-]+|{_ANSWER_IS}\s*[:=-]?\s+|{_I_SAY}\s*[:,]?\s+"
    r"|(?:i'm|i am)\s+(?:(?:probably|definitely|honestly|just|still|currently)\s+)*|that (?:i'm|i am)\s+"
    r"|(?:a|an|the)\s+(?:(?:solid|strong|firm|clear|big|hard)\s+)?(?=\w{2}|\d)|[\"'(\[]+(?=\w{2}))",
    re.IGNORECASE,
)
ANSWER_LEAD = re.compile(rf"(?:(?:{_ANSWER_IS}|{_I_SAY}|selected|i'm going with)(?:\s+option)?|option)\b\s*[:=-]?\s*")
CHANGES = re.compile(
    r"\b"
    + _words("actually|make that|on second thought|correction|wait|scratch that|or rather|sorry,? i mean|i mean|no,")
)

# What stands between a reason and the answer that ends a sentence, and what before it leaves the answer open.
CONCLUDES = re.compile(
    r"(?:[,;:]|\s-)\s+(?:(?:so|but|then|therefore|thus|hence|still|definitely|probably|honestly|i'd say|i guess|i think)\b,?\s+)*"
    r"|\s(?:so|but|therefore|thus|hence)\s+",
    re.IGNORECASE,
)
UNDECIDED = re.compile(
    r"\b(?:or|and|maybe|perhaps|not|nor|between|either|choose|one of|anything|everything|anyone|none|nothing|all)\s*$"
    r"|\boptions?\b"
)
# "B is what my wife would say": of an option something is said.
SAID_OF_IT = re.compile(
    r"[)\]\"']*\s*\b(?:is|isn't|are|was|were|would|sounds|seems|looks|means|might|may|could)\b"
    r"(?:(?!\s+(?:it|me|my|mine|(?:the )?(?:best|right|correct|closest|one)|what i|be (?:my|the)|how i|where i|that i)\b)"
    r"|[^.!?\n]*(?:\b(?:not|never|no|wrong)\b|n't))"
)

# --- an answer by its label ---
SAYS = re.compile(
    r"(?i:\b"
    + _words(
        "answer|choice|selection|response|option|pick|choose|chose|select|go with|going with|went with|settle on|letter"
        "|number|score|rating|rate|give|say|put|so"
    )
    + r"\b)(?:\s+(?:is|would|be|will|it|this|that|one|option|letter|number|as|at|of|with|for|a|an|to|down|probably"
    r"|that fits me best|definitely|around|myself|the|book|movie|film))*\s*[:=-]?\s*[\"'(\[]*(?P<label>[A-Z]|\d{1,2})"
    r"(?=[\"')\]]*(?:$|\s*[.,;:!\n\"')\]]|\s+[-(]|\s+(?:because|since|as|out of|on the|for me|here|overall|given)\b))"
)
# "I land on C", "a perfect 10": a label that ends a line, whatever leads to it, but no "vitamin C".
ENDS_LINE = re.compile(
    r"(?:(?<![\w'])(?!(?:an?|vitamins?|plan|class|grade|type|group|section|hepatitis|size|mrs?|team|appendix|part|chapter"
    r"|blood|row|letter of|interval|line|bus|gate|floor|room|unit) )(?P<before>[\w']+)[\s:,-]+\(?(?P<letter>[A-HJ-Z])"
    r"|\b[Aa]n? (?:\w+ )?(?P<digit>\d{1,2}))(?=[\"')\]]*[.!]*\s*$)",
    re.MULTILINE,
)
BRACKETED = re.compile(r"(?<!\w)[(\[](?P<label>[A-Z]|\d{1,2})[)\]]")
OTHER_BRACKETED = re.compile(r"(?<!\w)\(?([a-zA-Z]|\d{1,2})\)(?=\s)")
ALSO = re.compile(
    r"(?i:\b(?:or|and|maybe|perhaps)\b)\s+(?:(?:maybe|perhaps|possibly|even|a|an|option)\s+)*[(\"']*"
    r"([A-Z]|\d{1,2})(?![\w'])"
)
LONE_LABEL = re.compile(r"(?<![\w'])(A(?! [a-z])|[B-Z]|\d{1,2})(?![\w'])")
NUMBERING = re.compile(r"(?<![\w'])[(\[]?([A-Za-z]|\d{1,2})(?:[)\]]|[.:])(?=\s)")

# --- no answer ---
_AI = _words(
    "ai|artificial intelligence|large language model|language model|llm|virtual assistant|ai assistant|chatbot"
)
IS_AI = re.compile(
    rf"\bas an? {_AI}\b|\bi(?:'m| am) (?:just |only |actually )?an? {_AI}\b"
    r"|\bi (?:don't|do not) (?:have|hold|possess) (?:any |a )?(?:personal|political|real|human|physical)"
)
_CANNOT = _words(
    "can't|cannot|can not|couldn't|won't|will not|unable to|not able to|not going to|not willing to|refuse to"
    "|must decline|don't|do not"
)
_TELL = "answer|help|assist|provide|respond|share|comply|discuss|disclose|participate|engage|continue|say"
DECLINES = re.compile(
    rf"\bi(?:'m| am)? ?{_CANNOT}\b.{{0,30}}\b(?:{_TELL})\b"
    rf"|\b(?:prefer|rather|choose) not (?:to )?(?:{_TELL}|get into|reveal|go into)\b"
    r"|\bkeep (?:that|this|it|my \w+|those) (?:to myself|private)\b"
    r"|\bnot comfortable (?:answering|sharing|discussing|saying|with)\b|\b"
    + _words(
        "decline to|i decline|i must decline|i'll have to decline|no comment|refuse to answer|none of your business"
        "|that's private|that's personal|i'd rather skip|i'd rather keep|skip this question|pass on this question"
    )
    + r"\b"
)

# --- what a sentence says of an option it names ---
CLAUSE = re.compile(
    r"[.;!?\n]|\s-\s|:\s|\((?!\w{1,2}\))|(?<!\(\w)(?<!\(\w\w)\)|,?\s+(?:but|although|though|whereas|while|yet|so|then)\b"
    r"|,\s*(?=(?:i|i'm|i'd|i've|i'll|my|and i|we|you|he|she|they|it|it's|instead|just|more|meaning|making)\b)"
    r"|\s+and (?=(?:would|i|i'm|i'd|am|will|therefore|usually|tend|consider)\b)"
)
SENTENCE = re.compile(r"[.;!?\n]")
HARMLESS = re.compile(
    r"\b"
    + _words(
        "no doubt|no question|not surprisingly|no surprise|not only|not gonna lie|not going to lie|can't lie"
        "|don't get me wrong|without a doubt|without question|without hesitation|no matter|not to mention|why not"
        "|if you want|if you ask|if you insist|if you need|if you must know|if that helps|if i had to|if i have to|if forced|if pressed|if asked|if i must|if i'm honest|if anything"
    )
    + r"\b"
)
DENIES = re.compile(
    r"\b(?:not|never|no|neither|nor|hardly|barely|scarcely|without|anti|doubt|nobody|none|cannot)\b|n't\b|\b"
    + _words("a lie|lying|wrong|hate|reject|refuse|worst|least|above|below|rather than|instead of|as opposed to|far from|anything but|other than|except|ruled? out|against")
    + r"\b"
)
OTHERS = re.compile(
    r"\b(?:my|his|her|their|our|your|the|a|an|some|any|one) (?:\w+ )?(?:husband|wife|spouse|boyfriend|girlfriend|parents?|father|mother"
    r"|dad|mom|mum|family|brothers?|sisters?|sons?|daughters?|kids?|children|friends?|neighbou?rs?|coworkers?|boss"
    r"|uncles?|aunts?|grand\w+|in-laws|town|county|church|union|ex)\b"
    r"|\b(?:people|folks|everyone|everybody|someone|somebody|they|they're|he|he's|she|she's|others|who|you|you'd|agent|assistant|author|interviewer|speaker)\b"
)
PAST = re.compile(
    r"\b"
    + _words(
        "used to|formerly|former|raised|until|back when|back in|i was|i were|once was|had been|would have|could have"
        "|was going to|almost|thought about|wanted to|tempted to"
    )
    + r"\b"
)
IF = re.compile(r"\b" + _words("if|unless|whether|depends|depending|suppose|assuming|were to") + r"\b")

_ADVERBS = (
    r"(?:(?:probably|definitely|honestly|actually|just|still|currently|now|also|really|personally|therefore|always"
    r"|usually|typically|most likely|certainly|proudly|simply|officially|absolutely|mostly|happily|tend to)\s+)*"
)
_ARTICLE = r"(?:(?:a|an|the|my)\s+)?(?:(?:deep|rural)\s+)?"
_KIND = (
    r"(?:(?:registered|lifelong|life-long|proud|committed|devout|practicing|practising|loyal|staunch|card-carrying"
    r"|self-described|happily)\s+)*"
)
_INTO = (
    r"(?:(?:well|so|and|but|because|since|that|yes|no|oh|then|now|today|personally|honestly|overall|ok|okay|politically|"
    + _words(
        "these days|i think|i guess|i suppose|i believe|i'd say|i would say|i'd have to say|i have to say|i must say"
        "|i'd say that|i think that|in general|right now|for me|to be honest"
    )
    + r")\b[\s,:-]*)*"
)
_VERBS_OF_SELF = _words(
    "go with|say|choose|pick|answer|select|pay|give|consider|call|describe|see|think of|classify|regard|label|identify|put|place"
    "|rate|define"
)
_SELF = _words("myself|my views|my politics|my political views|us|it|that|them|our income")
_SERVICES = r"(?:(?:to\s+)?(?:church|mass|services|temple|synagogue|mosque|there|religious services)\s+)?"
_LAWS = _words("they|them|it|the laws|laws|gun laws|the gun laws|these laws|those laws|things")
_BE = _words(
    "i'm|i am|i'd be|i would be|i'll be|i will be|i've been|i have been|i've always been|i remain|we're|we are"
)
_DO = _words("have|hold|finished|did|earned|completed|belong to|practice|watch|read")
_GO = _words("go|attend|get there|make it|worship|pray")
_EARN = _words("make|made|earn|earned|bring in|brought in|took in")
_NEWS = _words("it|them|my news|my political news|mine|the news")
_LIVE = _words("live|reside|grew up|moved|moved out|moved down|come|came")
_IN = _words("in|to|from|out in|down in|up in|based in")
_OWN_WORDS = (
    rf"{_BE}\s+{_ADVERBS}{_ARTICLE}{_KIND}"
    rf"|(?:i|i'd|i would|i'll|i will)\s+{_ADVERBS}{_VERBS_OF_SELF}\s+(?:{_SELF}\s*)?"
    rf"(?:(?:as|at|in|down as|around)\s+)?{_ARTICLE}{_KIND}"
    rf"|(?:i|we)\s+{_ADVERBS}{_DO}\s+{_ARTICLE}"
    rf"|(?:i|we)\s+{_ADVERBS}{_GO}\s+{_SERVICES}"
    rf"|i\s+{_ADVERBS}(?:trust|like|support|follow|enjoy)\s+(?:it|them|that|this)\s+"
    rf"|(?:i|we|(?:my|our) (?:household|family))\s+{_ADVERBS}{_EARN}\s+"
    r"|(?:i'm|i am|we're|we are) there\s+|(?:i'm|i am|we're|we are|i fall|we fall) (?:in|into|under)\s+(?:the\s+)?(?=\W*[\d\u25a1])|"
    r"(?:that's|it's|that is|the statement is|this is)\s+"
    rf"|(?:i|we)\s+{_ADVERBS}(?:get|got)\s+(?:most of )?{_NEWS}\s+(?:from|through|at|on)\s+{_ARTICLE}"
    rf"|i\s+{_ADVERBS}(?:have to\s+|would\s+|do\s+)?"
    r"|(?:(?:i feel|i'd like to see|i want|i'd want|i'd rather have)\s+)?"
    rf"(?:{_LAWS}\s+)?(?:(?:should|ought to)\s+)?(?:be\s+)?"
)
_PLACES = rf"(?:i|we)\s+{_ADVERBS}{_LIVE}\s+{_IN}\s+{_ARTICLE}|(?:i'm|we're|i am|we are)\s+{_IN}\s+{_ARTICLE}"
# All of a clause up to the option: the speaker's own statement and nothing that could turn it.
OWN = re.compile(rf"\s*{_INTO}(?:{_OWN_WORDS})")
# The same before the name of a place; "in the black" is none.
OWN_PLACE = re.compile(rf"\s*{_INTO}(?:{_PLACES})")
BARE = re.compile(rf"\s*{_INTO}(?:the\s+)?")
EVER_SINCE = re.compile(r"\b(?:since|for|all my|always|whole life|entire life|lifelong|life-long)\b")
IT_IS = re.compile(rf"\s*{_INTO}it(?:'s| is| would be|'d be) ")
THAT_I = re.compile(r" (?:that )?i(?:'d|'ll| would| will| could| am|'m)\b")
GOES_ON = re.compile(
    r"\s*(?:$|,|\")|\s+(?:(?:of|with|to) (?:it|this|that|them)\b|in (?:a|every|general|most|\d+|my views|my politics|all|spirit)"
    r"|on (?:most|nearly|almost|everything|every|all|balance|paper|the whole)|\w+ years"
    r"|(?:group|range|bracket|category|age group|income bracket)\b|with (?:that|this|it|kids|children|\w+ kids|\w+ children)|voter|wom[ae]n|m[ae]n|guy|person|mother|father|lady"
    r"|american|because|since|like|as|at|from|for|who|these|now|today|myself|too|by|every|each|born|through|so|here"
    r"|when|anyway|really|honestly|and|last year|most|this|all|going)\b"
)
TRAILS = re.compile(r"\s+(?:and|as|like|who|for (?!\w+ years)|from|at|by|this|these|all|most|going)\b")
FREE_OF_PARTY = re.compile(r"\s+(?:wom[ae]n|m[ae]n|guy|person|mother|father|lady)\b")
# "I am likely to fall asleep": likely is an answer only to what was asked.
LIKELY_TO = re.compile(
    r"\s*(?:$|,)|\s+to (?:ever )?(?:read|watch|finish|pick|buy|get (?:it|this|a copy|around)|give (?:it|this)|check|try"
    r"|look (?:it|for)|see (?:it|this)|borrow|order|add|seek|rent|stream|download|do (?:so|that|it))\b"
)
WILL_NOT = re.compile(
    r"\b"
    + _words(
        "not|never|skip|pass|avoid|ignore|forget|decline|refuse|stop|quit|leave|put it down|give up|do without"
        "|stay away|steer clear|miss|fall asleep|be bored"
    )
    + r"\b|n't\b"
)


def without_harmless(low: str) -> str:
    """Replace turns of phrase such as "no doubt" whose words deny nothing."""
    return HARMLESS.sub(lambda match: MASK * len(match.group()), low)
