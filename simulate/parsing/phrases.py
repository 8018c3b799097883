"""The English that the reader of answers knows: lower-case text with one spelling of each character.

An answer is told by the words around it. Words that answers are given in are listed here; next to any other word an
option is only mentioned.
"""

from __future__ import annotations

import re

# Stands for words that change nothing.
MASK = "\u25a1"
NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
# Other words for the options Yes and No, where a question has both; and sentences that are such an answer.
SAME_AS = {"yes": ("yeah", "yep", "yup", "yea", "aye"), "no": ("nope", "nah", "nay")}
SENTENCES_FOR = {
    "yes": "of course|absolutely|certainly|definitely|(?:yes )?indeed|(?:yes )?i (?:do|am|have|did)",
    "no": "(?:of course|absolutely|certainly|definitely) not|not at all|never|(?:no )?i(?: do|'m| am| have| did) not",
}


def _words(*lists: str) -> str:
    """Return a pattern for any one of the alternatives, given as text with `|` between them."""
    return r"\b(?:" + "|".join(lists).replace(" ", r"\s+") + r")(?![\w'])"


def _set(*lists: str) -> frozenset[str]:
    return frozenset(" ".join(lists).split())


# --- words in which an answer is given ---
# Around any option, letter or number.
ANSWERS = _set(
    "i i'm i'd i'll am be is are it it's that that's this the a an my mine me myself would will of to as for with at",
    "in on so then but though although yet while whereas therefore thus hence and overall finally conclusion final",
    "answer answering response reply choice choose choosing pick picking select selecting selected selection option",
    "letter number label category score scored rating rate rated verdict result output vote vote's preference",
    "estimate level likelihood position opinion view views stance give giving put putting place mark count call",
    "consider describe identify regard classify see think guess suppose believe feel say saying go going goes take",
    "stick settle land end down one between leaning lean tick circle opt make let's best closest most nearest better",
    "only single short full perfect solid strong firm clear easy big hard honest truthful true fair simple good",
    "accurate appropriate fitting suitable fit fits suits match matches matching reflects represents applies",
    "describes feels sounds right correct statement well oh ok okay hm hmm um uh ah now today still just here also",
    "please look truth somewhere middle probably definitely certainly personally truthfully frankly clearly obviously",
    "simply currently honestly surely actually basically usually typically generally proudly happily sadly",
    "unfortunately luckily mostly absolutely yes admit confirm affirmative prefer person persona respondent profile",
    "individual participant described easily natural logical sensible neutral under sticking staying aligning align",
    "aligned description describing reflection summary landing placed opted opting decide decided decision conclude",
    "concluding favor favour inclined speaking straight frank based entirely certain positive comfortable happy glad",
    "proud chosen answered ticked circled marking rather",
)
# Around an option in words alone: "I live in the South" is an answer, "I have 3" is none.
TELLS = (ANSWERS - {"lean", "leaning"}) | _set(
    "we we're we've us our household income religion faith race party politics political politically ideology",
    "education region status background things are pay spend worth have hold finished did do earned completed belong",
    "practice live reside come from there go attend get watch read earn made bring took trust like support enjoy",
    "follow want always own years year age aged proud lifelong life-long registered committed devout practicing",
    "practising loyal staunch self-described card-carrying deep rural use speak drive eat drink play buy shop study",
    "respectfully wholeheartedly firmly out group bracket range height affiliation identity denomination ethnicity",
    "heritage occupation job situation employment marital neighborhood area part country",
)
# Words and turns that change nothing.
HARMLESS = re.compile(
    _words(
        "no doubt|no question|no problem|not surprisingly|no surprise|not only|not gonna lie|not going to lie",
        "can't lie|don't get me wrong|without a doubt|without question|without hesitation|no matter",
        "not to mention|why not|if you (?:want|ask|insist|need|must know|prefer)|if that helps|more of an?",
        "(?:since|as) you ask(?:ed)?",
        "if you (?:push|pushed|force|forced|press|pressed|made) me|what i (?:am|choose|pick|would say)",
        "if i (?:had|have) to|if forced|if pressed|if asked|if i must|if i'm (?:being )?honest|if anything",
        "to be (?:\\w+ )?honest(?: with you)?|in general|at the moment",
        "(?:have|has|had|need|got|tend|like|willing|going) to|gotta|must|used to seeing|through and through",
        "born and raised|lean(?:ing)? (?:to|towards?)|at heart|these days|right now|of (?:it|them) all|on balance",
        "on paper|for sure|(?:they|it|things|(?:the |these |those |gun )*laws) (?:should|ought to) be",
        "(?:make|keep|want|see|have|trust|like) (?:them|it)|most likely",
        "(?:want|see|make|keep) (?:the |these |gun )*laws|that makes|which makes|come down (?:to|on)",
        "identify myself|(?:it|them|my news|my political news|mine|the news|most of it) (?:from|through|at|on)",
        "moved(?: out| down)? to|(?:to )?(?:church|mass|services|religious services|temple|synagogue|mosque)",
    )
)

# --- what follows an option ---
ENDS = re.compile(r"[\"')\]}]*\s*(?:$|[,;:!)(]|\.(?!\s[a-z]\.)|- )")
GOES_ON = re.compile(
    r"\s+"
    + _words(
        "(?:of|with|to) (?:it|this|that|them)|in (?:a|every|most|my views|my politics|all|spirit)",
        "on (?:most|nearly|almost|everything|every|all|the whole)|(?:\\w+ )?years|with (?:\\w+ )?(?:kids",
        "children)|with (?:every|all|everything|the)|after",
        "voter|wom[ae]n|m[ae]n|guy|person|mother|father|lady|american|because|since|given|considering|like|as|at|from",
        "for",
        "who|these",
        "too|by|every|each|through|without|so|when|anyway|really|but|and(?!\\W*[#\\d])|last year|this|all|age",
        "group",
        "range",
        "bracket|i(?:'d)? (?:guess|think|suppose|believe|say)|per|(?:a|an|each) (?:day|week|month|year)",
    )
)
PASSING_GOES_ON = re.compile(
    r"\s+"
    + _words(
        "i (?:do|don't|have|haven't|am|did|didn't|can|was|never)|i'm not|sir|ma'am|indeed|never|definitely|from me",
        "these",
        "to (?:that|this|it)|because|since|of (?:my|our|us)|it is|please|thanks|thank you",
    )
)
FREE_OF_PARTY = re.compile(r"\s+(?:wom[ae]n|m[ae]n|guy|person|mother|father|lady)\b")
# Before a colon any words may stand but these and other people: "There is no way around it: yes."
NOT_BEFORE_COLON = _set(
    "not no wrong options neither worst least choices between either except second former previous was were used ruled",
    "avoid against hate other instead example question q if unlike",
)
# Words that may follow an option and still leave it an answer: "C is my choice", "3 feels right".
AFTER = _set(
    "is am are be would will feels sounds seems fits fit suits suit matches match describes represents reflects me my",
    "mine i it the best most closely well right fair good correct answer choice pick vote option selection here",
    "myself now today still overall personally honestly definitely probably for to at all sure please with this that",
    "statement too one describe about on fine okay then close closest exactly natural logical honest sensible seem",
)
# Options that mean nothing in passing ("no idea", "I have read a few"): only where they stand by themselves.
IN_PASSING = frozenset(
    (  # noqa: SIM905 -- a list of strings would take a page
        "yes|no|none|never|rarely|seldom|sometimes|often|always|some|most|all|both|other|maybe"
        "|alone|a few|a little|a lot|hardly any|nearly all|about half|half|many|few|not at all"
        "|a great deal|a fair amount|something else|neither|nothing|nobody|nobody's|once or twice"
        "|one or two|one to three|online|right|left|true|false|same|other race|mixed|more|less"
        "|high|low|good|bad|fair|poor"
    ).split("|")
)
FREQUENCY = _set("never rarely seldom sometimes often always")
HABITS = re.compile(
    r"\s+(?:go|attend|read|watch|follow|listen|vote|talk|post|share|buy|borrow|visit|use|travel|do)\b"
    r"(?:[ \u25a1]+(?:to|there|it|them|any|that|this|at all|any ?more|now)\b)*[ \u25a1]*(?=$|[.,;!\n])"
)
# "I am likely to fall asleep": likely is an answer only to what was asked.
LIKELY_TO = re.compile(
    r"\s+to (?:ever )?"
    + _words(
        "\u25a1+|read|watch|finish|pick|buy|get (?:it|this|a copy|around)|give (?:it|this)|check|try",
        "look (?:it|for)|see",
        "borrow|order|add|seek|rent|stream|download|do (?:so|that|it)",
    )
)
THAT_I = re.compile(r"\s+(?:that )?i(?:'d|'ll| would| will| could| am|'m)?\b")
WILL_NOT = re.compile(
    _words(
        "not|never|skip|pass|avoid|ignore|forget|decline|refuse|stop|quit|leave|put it down|give up|do without",
        "stay away|steer clear|miss|fall asleep|be bored",
    )
    + r"|n't\b"
)
# Joins two options, neither of which is then the answer.
JOINS = re.compile(r"\b(?:or|and|to|through|maybe|perhaps|possibly|even|versus|vs|bordering|verging)\b|^[\s/(-]*$")

# --- whose words, and when ---
# "A, they say": somebody else's answer.
SAID_BY = re.compile(
    r"[\"')\]]*\s*[,-]\s*(?:they|people|some|many|others|you|he|she|everyone|everybody|my \w+)"
    r" (?:say|says|said|think|thinks|thought|tell|told|call|calls|claim|claims|expect|assume)\b"
)
OTHERS = re.compile(
    r"\b(?:husband|wife|spouse|boyfriend|girlfriend|parents?|father|mother|dad|mom|mum|family|brothers?|sisters?|sons?"
    r"|daughters?|kids?|children|friends?|neighbou?rs?|coworkers?|boss|uncles?|aunts?|grand\w+|in-laws|people|folks"
    r"|everyone|everybody|someone|somebody|they|they're|he|he's|she|she's|others|who|you|you'd|agent|assistant|author"
    r"|interviewer|speaker)\b"
)
OWN = re.compile(r"\b(?:i|i'm|i'd|i'll|me|so|therefore|thus|hence|answer)(?![\w'])")
IF = re.compile(_words("if|unless|whether|depends|depending|suppose|assuming|were to|were i|had i"))
BUT = re.compile(r"\b(?:but|though|although)\b(.*)", re.DOTALL)
DENIES = re.compile(r"\b(?:not|never|no)\b|n't\b")
EVER_SINCE = re.compile(_words("since|for|all my|always|whole life|entire life|lifelong|life-long"))
# "Yes, I can answer that": of the question, not an answer to it.
ACKNOWLEDGES = re.compile(
    r"(?:yes|yeah|sure|okay|ok|certainly|of course|no problem)[,.!]? (?:i |i'(?:ll|m|d) |that's a )"
    r"(?:can |could |will |would |do )?(?:be )?(?:happy to |glad to |able to )?(?:answer|understand|understood|see"
    r"|do that|help|respond|ready|hear|heard|tell|good question|great question)\b[^.:;!?\n]*[.:;!]\s+",
    re.IGNORECASE,
)
CLAUSE = re.compile(
    r",\s+|;\s*|\s-\s+|\s?\((?!\w{1,2}\))|(?<!\(\w)(?<!\(\w\w)\)\s*|\s+(?:although|though|whereas|while|yet|so|then)\b"
    r"|\s+but (?=(?:i|i'm|i'd|i've|i'll|my|we|now|then|just|still|if|with|for)\b)"
    r"|\s+and (?=(?:would|i|i'm|i'd|am|will|therefore|usually|tend|consider)\b)"
)

# --- no answer ---
_AI = "(?:ai|artificial intelligence|large language model|language model|llm|virtual assistant|ai assistant|chatbot)"
IS_AI = re.compile(
    rf"\bas an? {_AI}\b|\bi(?:'m| am) (?:just |only |actually )?an? {_AI}\b"
    r"|\bi (?:don't|do not) (?:have|hold|possess) (?:any |a )?(?:personal|political|real|human|physical)"
)
_CANNOT = (
    "(?:can't|cannot|can not|couldn't|won't|will not|unable to|not able to|not going to|not willing to|refuse to"
    "|must decline|don't|do not)"
)
_TELL = "(?:answer|help|assist|provide|respond|share|comply|discuss|disclose|participate|engage|continue|say)"
DECLINES = re.compile(
    rf"\bi(?:'m| am)? ?{_CANNOT}\b.{{0,30}}\b{_TELL}\b"
    rf"|\b(?:prefer|rather|choose) not (?:to )?(?:{_TELL}|get into|reveal|go into)\b"
    r"|\bkeep (?:that|this|it|my \w+|those) (?:to myself|private)\b"
    r"|\bnot comfortable (?:answering|sharing|discussing|saying|with)\b|"
    + _words(
        "decline to|i decline|i must decline|i'll have to decline|no comment|refuse to answer|none of your business",
        "that's private|that's personal|i'd rather skip|i'd rather keep|skip this question|pass on this question",
    )
)


def without_harmless(low: str) -> str:
    """Replace turns of phrase such as "no doubt" whose words deny nothing."""
    return HARMLESS.sub(lambda match: MASK * len(match.group()), low)
