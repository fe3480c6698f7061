-- Wakes idle pollers: one notification per statement, without payload (equal ones in a transaction collapse into one).
-- NOTIFY serialises commits: at 16 clients that insert as fast as they can it costs three quarters of their speed.
-- Then switch it off (it stays off) and the pollers' interval does the work:
--   alter table public.compute_workloads disable trigger gridwise_notify_insert;

create or replace function agent.notify_waiting()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
    perform pg_catalog.pg_notify('compute_workloads', '');
    return null;
end
$$;

select agent.only_service_role(array['agent.notify_waiting()']);

do $$
begin
    perform set_config('lock_timeout', '400ms', true);
    if not exists (
        select from pg_catalog.pg_trigger
        where tgrelid = 'public.compute_workloads'::regclass and tgname = 'gridwise_notify_insert'
    ) then
        create trigger gridwise_notify_insert after insert on public.compute_workloads
        for each statement execute function agent.notify_waiting();
    end if;
    if not exists (
        select from pg_catalog.pg_trigger
        where tgrelid = 'public.compute_workloads'::regclass and tgname = 'gridwise_notify_resubmit'
    ) then
        create trigger gridwise_notify_resubmit after update on public.compute_workloads
        for each row
        when (
            (new.status = 'pending' and old.status is distinct from 'pending')
            or (
                new.status = 'queued' and new.agent_status = 'pending'
                and (old.status is distinct from 'queued' or old.agent_status is distinct from 'pending')
            )
        )
        execute function agent.notify_waiting();
    end if;
end
$$;

insert into agent.migrations (name) values ('0012_notify') on conflict (name) do nothing;
