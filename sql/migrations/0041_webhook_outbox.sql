-- Events that a webhook is to be told, and has not been yet.

create table if not exists agent.outbox (
    id uuid primary key default gen_random_uuid(),
    event text not null,
    workload_id uuid not null,
    payload jsonb not null,
    created_at timestamptz not null default clock_timestamp(),
    due timestamptz not null default clock_timestamp(),
    attempt integer not null default 0,
    token uuid,
    given_up_at timestamptz,
    last_error text
);
create index if not exists outbox_due on agent.outbox (due) where given_up_at is null;

-- One row: when a poller with a webhook was last seen. A day later events are no longer written.
create table if not exists agent.webhook (
    only_one boolean primary key default true check (only_one),
    seen_at timestamptz not null
);

select agent.keep_private(array['outbox', 'webhook']);

insert into agent.migrations (name) values ('0041_webhook_outbox') on conflict (name) do nothing;
