-- What a held command really did (`gridwise wait ID`): into `metadata.actual_run`, beside the recommendation. True where
-- the row is there. The row's status is its owner's and stays as it is.
create or replace function public.record_run(p_id uuid, p_details jsonb)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
    update public.compute_workloads as w
    set metadata = agent.merged(w.metadata, jsonb_build_object('actual_run', p_details))
    where w.id = p_id;
    return to_jsonb(found);
end
$$;

select agent.only_service_role(array['public.record_run(uuid, jsonb)']);

insert into agent.migrations (name) values ('0040_record_run') on conflict (name) do nothing;
