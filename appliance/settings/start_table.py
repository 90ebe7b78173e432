"""The entries that the start needs: each is in the file of the start as well. No I/O."""

from __future__ import annotations

from appliance.core import variables as start
from appliance.settings.entry import Entry, Group, NamesEntry, Part, Unit
from appliance.settings.word_entry import HostEntry, ZoneEntry

TIME_ZONE = ZoneEntry(
    name="time_zone",
    title="Time zone",
    help="The zone of the times that pages show and of the schedules, such as the nightly backup. "
    "Without one it is the zone of this machine.",
    group=Group.SITES,
    field="time_zone",
    variable=start.TIME_ZONE.name,
    at_start=True,
)
HOST = HostEntry(
    name="host",
    title="Name of this machine",
    help="The name under which people open this machine, in links and in its own certificate. "
    "Other computers must resolve it.",
    group=Group.ADDRESSES,
    field="host",
    variable=start.HOST.name,
    restarts=(Part.WEB,),
    at_start=True,
    on_trial=True,
)
HOST_NAMES = NamesEntry(
    name="host_names",
    title="Other names that are served",
    help="Further names and addresses under which people open this machine. With at least one, any "
    "name that is not listed is refused; without one, every name is served.",
    group=Group.ADDRESSES,
    maximum=50,
    field="host_names",
    variable=start.HOST_NAMES.name,
    restarts=(Part.WEB,),
    at_start=True,
    on_trial=True,
    accepts=start.is_host,
)
HSTS_DAYS = Entry(
    name="hsts_days",
    title="Insist on TLS",
    help="For so many days after each visit a browser takes nothing but TLS with a certificate "
    "that it trusts (HSTS); 0 switches it off. Risk: it then offers no way past a warning. If the "
    "certificate ends, or a computer does not know its authority, people are locked out until the "
    "days are over, and no setting helps them. Begin with one day.",
    group=Group.ADDRESSES,
    unit=Unit.DAYS,
    default=start.HSTS_DAYS.default,
    minimum=start.HSTS_DAYS.least,
    maximum=start.HSTS_DAYS.most or 730,
    field="hsts_days",
    variable=start.HSTS_DAYS.name,
    restarts=(Part.WEB,),
    at_start=True,
)
WEB_PORT = Entry(
    name="web_port",
    title="Port",
    help="The port on which people open both sites.",
    group=Group.ADDRESSES,
    unit=Unit.PORT,
    default=start.PORT.default,
    minimum=1,
    maximum=start.PORT.most or 65534,
    field="port",
    variable=start.PORT.name,
    restarts=(Part.WEB,),
    at_start=True,
    on_trial=True,
    clone_only=True,
)
GENERATION_SLOTS = Entry(
    name="generation_slots",
    title="Answers at once",
    help="How many answers are written at the same time, over all chat servers; further questions "
    "wait for their turn. Each needs memory of the model runner, as much as “Text for the model” "
    "says.",
    group=Group.ANSWERS,
    unit=Unit.ANSWERS,
    default=start.GENERATION_SLOTS.default,
    minimum=1,
    maximum=256,
    field="generation_slots",
    variable=start.GENERATION_SLOTS.name,
    restarts=(Part.MODEL_RUNNER, Part.CHAT),
    at_start=True,
)
CHAT_PROCESSES = Entry(
    name="chat_processes",
    title="Chat servers",
    help="How many processes serve the chat. One for each core of the processor is the most that "
    "helps; each takes about 100 MB of memory.",
    group=Group.ANSWERS,
    unit=Unit.PROCESSES,
    default=start.CHAT_PROCESSES.default,
    minimum=1,
    maximum=start.MOST_CHAT_PROCESSES,
    field="chat_processes",
    variable=start.CHAT_PROCESSES.name,
    restarts=(Part.DATABASE, Part.CHAT, Part.WEB),
    at_start=True,
)
