"""Every limit, default and time-out of the product in one place, each with its reason.

Units are in the name or in the comment: seconds, bytes, counts.
"""

from __future__ import annotations

# -- SMTP ---------------------------------------------------------------------------------------
SMTP_PORT_PLAIN = 25  # RFC 5321: relay without encryption, or with STARTTLS where it is offered
SMTP_PORT_STARTTLS = 587  # RFC 6409: submission
SMTP_PORT_TLS = 465  # RFC 8314 section 3.3: submission with TLS from the start
CONNECT_SECONDS = 10  # a web request waits for this; a dead host must not hold a caller longer
COMMAND_SECONDS = 30  # greeting and each command; RFC 5321 4.5.3.2 asks minutes, a caller cannot wait those
MESSAGE_SECONDS = 120  # everything before the final dot together, so that a dripping server cannot hold a caller
FINAL_REPLY_SECONDS = 60  # after the final dot: giving up here may double a message, so wait longer (RFC 1047)
FINAL_REPLY_BACKGROUND_SECONDS = 600  # RFC 5321 4.5.3.2.6, where nobody waits for the answer but a worker
SESSION_IDLE_SECONDS = (
    60  # a kept session; load balancers forget quiet connections after 4 minutes, some servers sooner
)
SESSION_MESSAGES = 100  # messages on one session; many providers close after this many
SESSION_FRESH_SECONDS = 1  # answered this lately, a session is surely alive: the whole message may leave in one write
HOUSEKEEPER_SECONDS = 5  # the thread that closes idle sessions ends after this long without any
SESSIONS = 4  # for a list, at once on one connection; providers allow 5 to 20, and more hardly helps
MAX_SESSIONS = 50  # nobody means more
MAX_SESSION_MESSAGES = 10_000  # nobody means more, and a session that never ends hides trouble
LIST_SESSION_MESSAGES = 4  # a further session pays for its set-up when it gets at least this many messages of a list
LIST_LOG_ROWS = 8  # of a list: rows begun together in the log; those of messages that are not begun are taken back
LIST_AHEAD_BYTES = 16 * 1024 * 1024  # messages of a list that are read ahead; above it one after the other
ONE_WRITE_BYTES = 64 * 1024  # a message up to this leaves together with its envelope (BDAT); a bigger one waits for it
PIPELINE_COMMANDS = 100  # unanswered at a time: their replies fit into the buffers, so that both sides never block
UNANSWERED_MESSAGES = 4  # of a list, whole messages under way on one session; all of them are unsure if it breaks
STREAMED_BYTES = 4 * 1024  # an attachment above this is encoded as it is sent; below, that saves nothing
CONTENT_BLOCK_BYTES = 64 * 1024  # a message is encoded and sent in pieces of this size
SECOND_LOOK_SECONDS = 0.8  # to say more of a failure (whose certificate was it?), on top of the limit that was reached
QUIT_SECONDS = 1  # the message is accepted already; nobody waits for a goodbye
SCRAM_ITERATIONS = 1_000_000  # rounds of hashing a server may ask for: about half a second; servers want 4096 and up
REPLY_LINE_BYTES = 4096  # RFC 5321 4.5.3.1.5 says 512; servers with long texts exist
REPLY_LINES = 200  # a reply that never ends is not SMTP
# One message, in the thread of its caller: a host that does not answer costs CONNECT_SECONDS, one that takes the
# connection and then says nothing COMMAND_SECONDS (a sign-in host TOKEN_TOTAL_SECONDS), so that three dead routes take
# half a minute to a minute and a half. Peers that drip on purpose can take MESSAGE_SECONDS for an SMTP route, and seven
# and a half minutes for Graph (two tokens and two requests); time-outs that an administrator raises come on top.
ROUTES_TRIED = 2  # the fallback is tried however long the first route took
ROUTES_SECONDS = 300  # any further route is begun only within this time: nobody waits for the fifth of many dead ones
MAX_RATE_MESSAGES = 1_000_000  # in whatever time; who sends more has no limit
MAX_TIMEOUT_SECONDS = 3600  # nobody means more than an hour
PROXY_PORT_HTTP = 3128  # Squid's, which many others follow; HTTP itself names none for CONNECT
PROXY_PORT_SOCKS5 = 1080  # registered with IANA for SOCKS
PROXY_CREDENTIAL_BYTES = 255  # RFC 1929 section 2 counts user name and password in one byte each

# -- HTTP to Entra and Graph ----------------------------------------------------------------------
HTTP_CONNECT_SECONDS = 10  # as for SMTP
HTTP_READ_SECONDS = 60  # Graph answers sendMail within seconds; a time-out here is an unsure outcome
HTTP_TOTAL_SECONDS = 120  # one request with its answer; a peer that drips must not hold a caller
TOKEN_READ_SECONDS = 20  # Entra answers within two; another route can have the message meanwhile
TOKEN_TOTAL_SECONDS = 30  # for a token, with all tries; and how long a thread or process waits for another one's
HTTP_IDLE_SECONDS = 60  # an older idle connection may be cut unseen on the way, and would end as unsure
HTTP_CHUNK_BYTES = 64 * 1024  # the total time is looked at between pieces of this size
HTTP_ANSWER_BYTES = 1024 * 1024  # error bodies are a few kB; more is not from Graph
PROXY_ANSWER_BYTES = 8 * 1024  # what a proxy may say to CONNECT
GRAPH_REQUEST_BYTES = 4_000_000  # the whole encoded request; Microsoft's limit is 4 MB (facts: 413 or 400 above)
GRAPH_REQUESTS_AT_ONCE = 4  # Microsoft's limit for one application ("MailboxConcurrency"); more is answered with 429
GRAPH_MESSAGES_PER_MINUTE = 30  # Exchange Online delays what a mailbox sends beyond this
MAX_GRAPH_REQUESTS_AT_ONCE = 50  # nobody means more, and each is a connection
MAX_GRAPH_MESSAGES_PER_MINUTE = 10_000  # nobody means more
GRAPH_BURST = 10  # messages that may leave at once before the pace of the minute counts
GRAPH_PATIENCE_SECONDS = 10  # a caller waits for the pace of a mailbox this long while another route is left ...
GRAPH_LAST_PATIENCE_SECONDS = 60  # ... this long when none is ...
GRAPH_LIST_PATIENCE_SECONDS = 120  # ... and a message of a list this long, because a list is no web request
GRAPH_PAUSE_SECONDS = 30  # after a 429 or 503 that names no Retry-After
GRAPH_MAX_PAUSE_SECONDS = 600  # a longer Retry-After is asked again after this: it may be lifted sooner
GRAPH_BUSY_SECONDS = 60  # waiting for one of the requests at once; each takes a second or two
GRAPH_LEASE_SECONDS = 150  # a place held by a process that died is free again: longer than HTTP_TOTAL_SECONDS
BACKGROUND_PATIENCE_SECONDS = 10  # ... and a queued one this long: it can come back, and others need the thread
RATE_BURST_PART = 4  # of the messages that a connection may send in its time, one in so many may leave at once
SHARED_POLL_SECONDS = 0.005  # whoever waits for a place looks again after this; the pauses grow ...
SHARED_MAX_POLL_SECONDS = 0.1  # ... up to this: far shorter than a request, and ten small statements a second
SHARED_HAND_OVER_SECONDS = 1  # a place goes from thread to thread this long, then other processes get a chance
SHARED_LOCK_SECONDS = 1  # for a lock that is held for microseconds: its holder was stopped in the middle
SHARED_AHEAD_SECONDS = 660  # no pause, and no turn, lies further ahead, unless the clock was set back
SHARED_CONNECTIONS = 4  # of our own to the database, for what is done beside a caller's transaction in milliseconds
SHARED_RETRY_SECONDS = 5  # what processes share is not asked for again for this long after it could not be reached
GRAPH_IDLE_SESSIONS = 4  # kept connections to one Graph host: as many as may be used at once
GRAPH_LIST_AHEAD = 2  # of a list, messages taken ahead for each request at once
GRAPH_UPLOAD_RANGE_BYTES = 12 * 320 * 1024  # Microsoft: at most 4 MB for one range; 320 KiB is OneDrive's unit
GRAPH_UPLOAD_BYTES = 150_000_000  # Microsoft: the largest attachment of an upload session
GRAPH_UPLOAD_TRIES = 5  # for one range, each after asking how far the upload came
GRAPH_UPLOAD_PAUSE_SECONDS = 0.2  # after a range that failed, when Graph names no time; twice as long after each more
GRAPH_DRAFT_TRIES = 2  # a draft of which nobody knows what it holds is thrown away and begun anew, once
GRAPH_HEADERS = 5  # "x-" headers that a JSON message may carry
GRAPH_SETTLE_SECONDS = (1.0, 3.0, 6.0)  # pauses before each look into the mailbox after an unclear answer
PROGRESS_SECONDS = 1  # the log shows how far an upload is at most this often
TOKEN_SPARE_SECONDS = 300  # a token that ends sooner is replaced, so that no request meets its end
TOKEN_LAST_SECONDS = 60  # ... but while Entra does not answer, it is used until this long before its end
TOKEN_MOST_SECONDS = 86_400  # those of a managed identity hold for a day; no more is believed
TOKEN_TRIES = 3  # a token costs nothing, so a failing sign-in host is asked again within TOKEN_TOTAL_SECONDS
TOKEN_PAUSE_SECONDS = 0.5  # before the second try, twice as long before the third
TOKEN_REFUSED_SECONDS = 300  # a credential that Entra refused is not tried again for this long, unless it is tested
IDENTITY_CONNECT_SECONDS = 2  # to the identity endpoint of our own machine; elsewhere than in Azure nobody answers
IDENTITY_SECONDS = 10  # for its answer; it asks Entra in its turn
TOKEN_APPS = 64  # app registrations whose tokens are kept in a process, the newest ones

# -- The outbox ---------------------------------------------------------------------------------------
QUEUE_LIFETIME_HOURS = 48  # how long a message is tried; a reset link is worthless by then, an invoice is not late
MAX_QUEUE_LIFETIME_HOURS = 24 * 30  # nobody means more
RETRY_SECONDS = (60, 120, 240, 480, 900, 1800, 3600)  # after the first, second, ... failure; the last one repeats
RETRY_JITTER = 0.2  # each pause is longer or shorter by up to this part, so that a crowd does not come back at once
TURN_SPREAD_SECONDS = 600  # a line of messages for a limit of our own comes back within this; later, turns stay unused
UNSURE_SECONDS = (300, 900)  # a message that may have been taken is sent once more between these: 5 to 15 minutes
UNSURE_RESENDS = 1  # never more than two copies
CLAIM_SECONDS = 30  # a worker that is silent for so long has lost its messages; they are classified within a minute
CLAIM_BEAT_SECONDS = 8  # a worker says this often that it lives: two beats may be lost
CRASHES = 3  # a message that was the end of so many workers is held for a person
CRASH_PAUSE_SECONDS = 5  # after the end of a worker: what killed it may be passing
QUEUE_WAIT_SECONDS = 900  # a message that nothing can send now looks again after this, should nobody wake it before
OUTCOME_SECONDS = 600  # a worker tries to write what a server answered: nobody else can send it without the database
LEAVING_SECONDS = 10  # the same before a message leaves: a server waits minutes for the rest, a restart takes seconds
CRASH_REPORT_CHARS = 8000  # of a traceback; its end says most
WORKER_THREADS = 8  # messages under way at once in one worker; they wait for networks most of the time
MAX_WORKER_THREADS = 64  # nobody means more, and each has a database connection
WORKER_POLL_SECONDS = 1.0  # an idle worker looks into the outbox this often, though nobody woke it
WORKER_STOP_SECONDS = 20  # a worker that is told to stop gives what it has begun this long; less than a claim lasts
WORKER_LOST_SECONDS = 60  # a worker without a beat for so long is shown as gone
WORKER_FORGOTTEN_SECONDS = 86_400  # ... and as long as this, so that somebody may ask what became of it
WORKER_SWEEP_SECONDS = 60  # how often one of the workers looks after what is rarely to be done
SWEEP_ROWS = 1000  # due messages that one sweep hands to Celery
CLAIM_BEAT_AGAIN_SECONDS = 1  # after a beat that failed: there is time for a few before the claim ends
WORKER_BYTES = 200_000_000  # of messages under way at once in one worker; sending takes up to three times the memory
WORKER_LOOK_SECONDS = 0.05  # an idle worker asks SQLite this often whether something came: a look into shared memory
WORKER_LISTEN_SECONDS = 30  # a worker that cannot listen for new messages tries again after this
WORKER_IDLE_SECONDS = 5  # a thread without work for so long gives its database connection back
WORKER_PAUSE_SECONDS = 0.5  # a worker without its database asks again after this, each time later ...
MAX_WORKER_PAUSE_SECONDS = 10  # ... but at least this often
WORKER_PROGRESS_SECONDS = 60  # how often a worker says what it did
WAKE_IDS = 10_000  # announcements that wait for a broker; beyond that the sweep does it
WAKE_RETRY_SECONDS = 5  # a broker that failed is left alone for this long
WAKE_LAST_SECONDS = 2  # the end of a process waits this long for the last announcements
GUARD_SECONDS = 60 * 60  # how often the generation of the database counts on: a restored backup is older than that
CANCEL_TRIES = 3  # to cancel all that waits: a worker that looks at a message gives it back while mail is held ...
CANCEL_PAUSE_SECONDS = 0.2  # ... within milliseconds
ENVIRONMENT_CHARS = 80  # of the name of an environment; a host name fits
IDEMPOTENCY_KEY_CHARS = 200  # a UUID has 36; names with a date and an id fit
CONTENT_PART_BYTES = 57 * 18_000  # 1 MB: a sealed part fits into every database's packet, and whole lines of base64
CONTENT_INLINE_BYTES = 64 * 1024  # a message up to this is stored in one row
KEEP_CONTENT_DAYS = 7  # where content is kept at all: a week is enough to see that a message must go again
QUEUED_BYTES = 150_000_000  # one message: a worker holds it in memory, and hardly any server takes more

# -- The circuit breaker ------------------------------------------------------------------------------
REST_SECONDS = 60  # a route that fails rests this long, twice as long after each further failure ...
MAX_REST_SECONDS = 900  # ... up to this
REST_DNS_SECONDS = 60  # a resolver that does not answer comes back by itself, and all at once
REST_SIGN_IN_SECONDS = 300  # a sign-in that is refused for now: more tries would lock the account
REST_PROBE_SECONDS = 60  # one message tries a resting route; were its sender to die, another one may after this

# -- Connecting, proxies and revocation lists --------------------------------------------------------
RACE_SECONDS = 0.25  # how long an address may take before the next one is tried beside it (RFC 8305 section 5)
CRL_SECONDS = 10  # for all revocation lists of one certificate; opt-in, and then kept until the next update
CRL_BYTES = 16 * 1024 * 1024  # public authorities' lists have up to a few MB
CRL_LISTS = 8  # kept in a process; one server's certificate needs one

# -- DNS --------------------------------------------------------------------------------------------
DNS_SECONDS = 5  # part of the connect budget; a resolver that needs longer is broken
DNS_QUESTION_SECONDS = 3  # one question of discovery or advice; resolvers answer within milliseconds, or hardly at all
DNS_RECORDS = 50  # of one answer; nobody needs more mail servers or texts at one name
DNS_TEXT_CHARS = 4000  # of one text; a DKIM key of 4096 bits has 750, an SPF record may fill a packet
DNS_ADVICE_SECONDS = 20  # all questions about one domain: SPF alone may ask ten times (RFC 7208 section 4.6.4)
SPF_LOOKUPS = 10  # RFC 7208 section 4.6.4: more is an error, and no receiver counts further
SPF_VOID_LOOKUPS = 2  # the same section: names that do not exist
SPF_NAMES = 40  # names that one SPF record may lead to before we stop asking; receivers stop at the tenth
SPF_TREE_ROWS = 60  # of the tree on the page; a record that is in order has ten
DNS_ADVICE_QUESTIONS = 200  # about one domain; a record made to hurt could lead to any number
DNS_READ_AGAIN_SECONDS = 10  # between two readings of one domain by hand; nothing in the DNS changes faster
DNS_REST_SECONDS = 3600  # the worker leaves a domain of which the DNS says nothing alone for this long
DNS_READING_HOURS = 24  # the worker reads the domains in use once a day
DKIM_BITS = 1024  # RFC 8301 section 3.2: receivers must not accept less
DKIM_GOOD_BITS = 2048  # the same section: signers should use at least this
SENDER_DOMAINS = 50  # domains that the console looks after; a site that sends as more looks at them elsewhere
MAX_SELECTORS = 10  # names of DKIM keys for one domain
MAX_RESOLVERS = 3  # as many as a system's own configuration has
DISCOVERY_SECONDS = 15  # looking for the server of an address; the person watches
DISCOVERY_GUESS_SECONDS = 3  # one guessed name and port; a mail server answers at once
DISCOVERY_AT_ONCE = 8  # servers tried at the same time: four guessed names on two ports
DISCOVERY_NAMED = 4  # of the servers that a domain names; the others are spares of these
DISCOVERY_LINK_SECONDS = 60 * 60  # a link to a form that is filled in holds this long

# -- Texts from outside -----------------------------------------------------------------------------
SERVER_TEXT_CHARS = 500  # enough for every known refusal; more is noise or an attack on the log
LOOKUP_CHARS = 1000  # of a pasted error: it stands in an address, and gunicorn takes 4094 bytes of that
DIALOGUE_LINES = 200  # a test shows the dialogue; more lines help nobody
DISPLAY_NAME_CHARS = 320  # no program shows more, and Python's time to fold a name grows with its square
ADDRESS_ENTRY_CHARS = 5000  # with quotes or groups: the standard library's parser takes quadratic time
ADDRESSES_KEPT = 2048  # read addresses; senders and regular recipients come again
SUBJECT_CHARS = 255  # what the log keeps of a subject

# -- The console ------------------------------------------------------------------------------------
TEST_ALL_AT_ONCE = 4  # tests of one "Test all" that run at the same time; the others wait for their turn
OTHER_FAMILY_SECONDS = 3  # a test also tries an address of the other family (IPv4, IPv6), but waits no longer for it
PROBE_MINUTES = 60  # how often every connection is tested by itself: an hour is soon enough to mend, and harmless
MAX_PROBE_MINUTES = 7 * 24 * 60
PROBE_LOOK_SECONDS = 60  # how often the schedule is looked at
PROBE_BEGIN_SECONDS = 45  # one look begins tests for so long; the others wait for the next look, and alerts do not
PROBE_STOPPED_SECONDS = 24 * 60 * 60  # a stopped connection is tried no sooner: no account is locked by one try a day
PROBES_KEPT = 24  # good scheduled tests of one connection: a day's; those that did not pass stay as long as others
WATCH_LEASE_SECONDS = 1.0  # who looks after the schedule waits so long for its turn: a first one has to be made
WATCH_LATE_SECONDS = 900  # nobody looked at the schedule for so long: cron may come every ten minutes
BANNERS_OPEN = 3  # on the dashboard; what else is to be said is folded
WHY_BYTES = 10_000  # what "Why this route?" takes for a message of which nobody said the size: text without a file
SILENCE_HOURS = 24  # no message got through for so long although some were due: a day also covers quiet sites
MAX_SILENCE_HOURS = 30 * 24
ALERT_QUIET_MINUTES = 60  # the same thing is not told again sooner
MAX_ALERT_QUIET_MINUTES = 7 * 24 * 60
ALERT_GATHER_SECONDS = 3  # what breaks together within this is told together; nobody reads an alert sooner
ALERT_LAST_SECONDS = 5  # the end of a process waits this long for an alert that is on its way
ALERT_SETTLE_SECONDS = 120  # it has recovered when it stays well for so long: two looks of the schedule
ALERT_APART = 3  # so many alerts of one kind are told one by one, more in one list
ALERT_LISTED = 20  # lines of such a list; the console shows all
ALERT_TEXT_CHARS = 1500  # of one text; Slack takes 3000 in a section, Teams 28 kB in all
ALERT_TRIES = 4  # of one alert in one channel
ALERT_RETRY_SECONDS = (30, 120, 600)  # between them
ALERT_CLAIM_SECONDS = 180  # longer than any try, an e-mail by several routes included: then its sender is dead
ALERT_AT_ONCE = 20  # deliveries that one round sends at most; the next one follows
ALERT_ROUND_SECONDS = 60  # and no more is begun after this: the same thread has other things to look after
ALERT_UNTOLD_SECONDS = 60  # a process that found nobody to tell does not look again sooner
SIGNING_SECRET_CHARS = 16  # fewer could be guessed from one signed alert
ALERT_SECONDS = 10  # a webhook's answer; chat services answer within one
ALERT_CHANNELS = 20  # that may be set up
WEBHOOK_URL_CHARS = 2000  # what browsers and servers agree on
FIXES = 3  # changes of settings that a failed step offers; more would be a guess
TESTS_PER_MINUTE = 5  # per user: a test opens connections, so it must not become a port scanner
STEP_SECONDS = 180  # one step of a test: what a message with its final answer may take; most end long before
LADDER_SECONDS = 300  # all steps of a test together: who watches has given up by then
TEST_STOP_SECONDS = 0.5  # how often a running test looks whether somebody pressed Stop
TEST_BEAT_SECONDS = 5  # a running test shows that it lives
TEST_LOST_SECONDS = 30  # no beat for this long: the process ended, the test is shown as interrupted
TEST_END_SECONDS = 3  # the end of a process waits so long for a test that it runs
TEST_DRAFT_MINUTES = 15  # how long typed values are kept (encrypted) after a test without saving
RETENTION_DAYS = 30  # how long the delivery log keeps a message
SECRET_WARNING_DAYS = 30  # warn this long before a client secret ends
CERTIFICATE_NAMES = 20  # of a certificate for another host that are looked at; a content network's has a hundred
CERTIFICATE_WARNING_DAYS = 14  # a server certificate that ends sooner is a warning in a test
RECENT_DAYS = 7  # a page about something else tells of tests no older than this
PAGE_ROWS = 50  # rows on a page of a list
MEDIAN_ROWS = 1000  # the median time is that of the latest so many messages: of a month's it would take seconds
OUTBOX_COUNTED = 10_000  # the outbox counts no further; "more than 10,000" says enough
OUTBOX_ROWS = 200  # messages that one press of a button may change by their check boxes: four pages
OUTBOX_SWEPT = 5_000  # ... and by a filter; more take more presses, so that no request takes minutes
HEALTH_WORKER_SECONDS = 120  # messages are due for so long and no worker runs: one that is replaced is back by then
METRICS_TOKEN_CHARS = 16  # 64 bits even where it is written in hexadecimal
OUTBOX_LATE_SECONDS = 300  # due for so long without a worker taking it: something is wrong; a claim lapses in 30
LATEST_ROWS = 8  # rows of a list that is only a glance: on the dashboard, earlier tests
SENDING_LOST_MINUTES = (
    15  # all routes together take less (see ROUTES_SECONDS): a message "sending" for longer was interrupted
)
SETTINGS_FILE_BYTES = 10 * 1024 * 1024  # ten thousand connections, each with all its options
CREDENTIAL_FILE_BYTES = 256 * 1024  # a certificate with its key and issuers has a few kB
CREDENTIAL_STAGES_DAYS = (60, 30, 14, 7, 1)  # the words get more urgent as the end of a credential comes near
ATTACHMENT_BYTES = 3 * 1024 * 1024  # compose is for trying out; above about 2 MB only SMTP can carry it anyway
LOG_SECONDS = 5  # a sender waits no longer for the log's own connection; what waits there still ends by itself
LOG_PAGE_SECONDS = 1.0  # a page of the log looks back so long for rows that fit several filters; then it asks
LOG_LOOK_ROWS = 2000  # messages that it looks at in one step of that
LOG_CHOICES = 50  # labels, and codes, that the filters of the log offer
SEARCH_CATCH_UP_SECONDS = 0.5  # who searches writes texts that are missing for so long: some ten thousand
SEARCH_OVERLAP_SECONDS = 120  # a message may become visible so long after its time without being missed by the search
SEARCH_THOROUGH_SECONDS = 3600  # how often the upkeep looks for messages that became visible later than that
SEARCH_LATEST_ROWS = 50  # texts that tell how far the index is
SEARCH_THOROUGH_OVERLAP_SECONDS = 86_400  # ... and how far back it looks then: no transaction lasts longer
SEARCH_LOOK_ROWS = 2000  # messages looked at in one step for a text that is missing
SEARCH_BATCH_ROWS = 500  # texts written in one transaction: 20 ms in which no sender can write on SQLite
SEARCH_TEXT_CHARS = 32_000  # the addresses of a thousand recipients; the filter by address knows all of them
SEARCH_SAMPLE_ROWS = 300  # texts that tell which runs of letters are rare; a millisecond's work
EXPORT_ROWS = 500  # messages read at a time for an export, which holds no more in memory
PRUNE_ROWS = 200  # rows deleted in one transaction, so that a sender never waits long for the database
PRUNE_RUN_SECONDS = 20  # one round of forgetting, beside other work; the rest is done in the next one
PRUNE_SECONDS = 60 * 60  # how often the standalone console forgets old entries

# -- The HTTP API, and messages from programs -----------------------------------------------------------
API_REQUESTS_A_MINUTE = 120  # of one client: two a second; a program that loops is stopped before it fills the log
API_MESSAGES_A_DAY = 10_000  # of one client: what Exchange Online takes from a mailbox in a day
API_REQUEST_BYTES = 50 * 1024 * 1024  # one request with its attachments in base64: 35 MB, Exchange Online's message
# Python folds a header in a time that grows with the square of its length: three seconds for 20,000 characters.
API_HEADER_CHARS = 4_000  # a long thread in References
API_HEADERS = 30
API_ADDRESSES_CHARS = 100_000  # To, say, with all names: a thousand long addresses
API_PAGE_ROWS = 100  # messages on one page of a list
API_LOOK_ROWS = 5000  # messages that one page looks at for those that fit: some 20 ms
MESSAGE_RECIPIENTS = 1000  # of one message from a program; Microsoft takes 500, and hardly any server more than 1000
ATTACHMENTS = 100  # of one message from a program
ATTACHMENTS_BYTES = 150_000_000  # all of a message together: the most that Exchange Online can be set to take
ATTACHMENT_NAME_CHARS = 255  # what file systems take
METADATA_ENTRIES = 20  # names of a message's metadata: it is for finding it again, no database
METADATA_CHARS = 500  # of one value; a name has at most METADATA_NAME_CHARS
METADATA_NAME_CHARS = 60
LABEL_CHARS = 80  # of an endpoint label, as the log keeps it
CONTENT_ID_CHARS = 200  # of an inline file; it stands in one line of a header
FLOWED_CHARS = 78  # of a line of format=flowed (RFC 3676 section 4.2)
HTML_TEXT_CHARS = 1_000_000  # of HTML that a text part is made from; mail programs cut what they show far sooner
HTML_DEPTH = 20  # of lists and quotations inside each other that are indented; nobody could read more
DONE_TRIES = 6  # of one Done event: more than half a day, with the pauses below
DONE_RETRY_SECONDS = (30, 300, 1800, 7200, 43_200)  # between them
DONE_CLAIM_SECONDS = 60  # longer than one try: then its sender is dead
DONE_SECONDS = 10  # for the receiver's answer
DONE_GATHER_SECONDS = 0.5  # what ends together is told in one round
DONE_ROUND_SECONDS = 45  # no more is begun after this: the same thread has other things to look after
