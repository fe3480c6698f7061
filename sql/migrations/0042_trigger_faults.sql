-- What kept a trigger of ours from its work. The user's statement stood; the next claim finds what the queue missed, or
-- says why it cannot.
create table if not exists agent.trigger_faults (
    sqlstate text not null,
    message text not null,
    noted_at timestamptz not null default clock_timestamp(),
    tried_at timestamptz,
    ends integer not null default 0  -- how often the scan has reached its end since
);

select agent.keep_private(array['trigger_faults']);

insert into agent.migrations (name) values ('0042_trigger_faults') on conflict (name) do nothing;
