-- From here on the queue follows the shared table; pollers turn to it with 0023. In a file of its own: the lock that
-- CREATE TRIGGER takes on a busy table is held for a moment only.

do $$
begin
    perform set_config('lock_timeout', '400ms', true);
    if not exists (
        select from pg_catalog.pg_trigger
        where tgrelid = 'public.compute_workloads'::regclass and tgname = 'gridwise_queue_insert'
    ) then
        create trigger gridwise_queue_insert after insert on public.compute_workloads
        referencing new table as new_rows for each statement execute function agent.on_insert();
    end if;
    if not exists (
        select from pg_catalog.pg_trigger
        where tgrelid = 'public.compute_workloads'::regclass and tgname = 'gridwise_queue_update'
    ) then
        create trigger gridwise_queue_update after update on public.compute_workloads
        referencing old table as old_rows new table as new_rows for each statement execute function agent.on_update();
    end if;
    if not exists (
        select from pg_catalog.pg_trigger
        where tgrelid = 'public.compute_workloads'::regclass and tgname = 'gridwise_queue_delete'
    ) then
        create trigger gridwise_queue_delete after delete on public.compute_workloads
        referencing old table as old_rows for each statement execute function agent.on_delete();
    end if;
    if not exists (
        select from pg_catalog.pg_trigger
        where tgrelid = 'public.compute_workloads'::regclass and tgname = 'gridwise_queue_truncate'
    ) then
        create trigger gridwise_queue_truncate after truncate on public.compute_workloads
        for each statement execute function agent.on_delete();
    end if;
end
$$;

insert into agent.migrations (name) values ('0022_queue_triggers') on conflict (name) do nothing;
