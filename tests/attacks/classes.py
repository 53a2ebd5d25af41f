"""Which classes of attack there are, which tests stand against each, and which published hole of another product is
tried again by which test. One that is renamed or removed fails the suite until this table says what took its place.
"""

from __future__ import annotations

from dataclasses import dataclass, field

A, C, K, N, W, R = "attacks/", "chat/", "knowledge/", "inference/", "web/", "architecture/"
HEADERS = A + "test_headers_and_cookies.py::"
UPSTREAM = A + "test_caller_chooses_the_upstream.py::"
FLOODS = A + "test_floods_and_slow_callers.py::"
WAYS_IN = A + "test_every_way_in.py::"
FETCH, REACH = K + "connectors/test_fetch.py::", K + "connectors/test_reach.py::"
PROVIDER, SAML = "accounts/test_sign_in_through_provider.py::", "accounts/test_sign_in_through_saml.py::"
LINKING = (
    PROVIDER + "test_an_address_that_is_not_verified_links_nothing_and_is_audited",
    PROVIDER + "test_a_second_person_there_does_not_get_into_the_same_account",
)
MATRIX = (
    R + "test_access.py::test_each_caller_gets_what_the_matrix_says",
    R + "test_access.py::test_anothers_object_looks_like_no_object",
    R + "test_access.py::test_every_address_has_a_row",
    R + "test_access.py::test_every_operation_has_a_row",
)


@dataclass(frozen=True)
class Attack:
    """``tests``: ``folder/file::test``. ``holes``: the published numbers, each with the tests that try it again."""

    tests: tuple[str, ...]
    holes: dict[str, tuple[str, ...]] = field(default_factory=dict)


CLASSES: dict[str, Attack] = {
    "object read by id": Attack(
        (*MATRIX, A + "test_sql_in_parameters.py::test_an_address_of_another_shape_is_no_address"),
        dict.fromkeys(("CVE-2026-45349", "CVE-2026-45671", "CVE-2026-54015", "CVE-2026-41949"), MATRIX[:2]),
    ),
    "stream joined by id": Attack(
        (R + "test_socket_access.py::test_only_the_owner_may_listen",),
        {
            "CVE-2026-31950": (
                R + "test_socket_access.py::test_only_the_owner_may_listen",
                R + "test_access.py::test_each_caller_gets_what_the_matrix_says_of_async_operations",
            )
        },
    ),
    "a second way in forgets a check": Attack(
        (
            WAYS_IN + "test_a_session_of_somebody_who_is_suspended_opens_nothing",
            WAYS_IN + "test_a_session_from_before_a_new_password_opens_nothing",
            WAYS_IN + "test_a_key_that_is_no_more_opens_nothing",
            WAYS_IN + "test_a_key_is_no_session_and_a_session_no_key",
            C + "test_end_access.py::test_a_suspended_persons_socket_closes_at_once",
            C + "test_end_access.py::test_a_revoked_keys_socket_closes_and_those_of_other_keys_stay",
            "accounts/test_sign_in.py::test_too_many_failures_are_stopped",
            "accounts/test_sign_in.py::test_unknown_and_wrong_look_the_same",
            C + "test_everything_ends.py::test_what_is_open_ends_within_a_second",
            R + "test_access.py::test_a_key_out_of_scope_expired_or_of_somebody_suspended_gets_nothing",
            R + "test_access.py::test_every_operation_says_what_a_limited_program_needs_for_it",
            R + "test_scope.py::test_which_rows_are_somebodys_is_narrowed_by_their_key",
            R + "test_scope.py::test_what_an_object_permits_is_narrowed_by_their_key",
            "accounts/test_allow_a_program.py::test_other_roles_a_password_or_suspension_end_it",
            "accounts/test_set_up_second_step.py::test_no_page_of_the_access_matrix_opens_before",
            "accounts/test_set_up_second_step.py::"
            "test_a_role_made_here_that_gives_what_a_named_one_gives_needs_one_too",
            SAML + "test_no_altered_wrapped_late_or_misdirected_answer_lets_anybody_in",
        ),
        {
            "CVE-2026-32717": (WAYS_IN + "test_a_key_that_is_no_more_opens_nothing",),
            "CVE-2026-45339": (WAYS_IN + "test_a_session_of_somebody_who_is_suspended_opens_nothing",),
        },
    ),
    "requests to inner servers": Attack(
        (
            FETCH + "test_loopback_is_refused_however_it_is_written",
            FETCH + "test_what_is_no_web_address_is_refused",
            FETCH + "test_a_redirect_inside_is_not_followed",
            FETCH + "test_a_name_is_resolved_once_and_that_address_is_connected_to",
            FETCH + "test_proxies_of_the_environment_are_not_used",
            REACH + "test_addresses_of_inner_networks_may_not",
            REACH + "test_other_spellings_of_loopback_are_seen_through",
            REACH + "test_the_credentials_of_clouds_stay_closed_whatever_is_let_in",
            K + "connectors/test_git.py::test_inner_hosts_are_not_asked",
            K + "connectors/test_s3.py::test_inner_hosts_are_not_asked",
            K + "connectors/test_web.py::test_a_link_into_the_inner_network_is_left_out",
        ),
        {
            "CVE-2026-45400": (FETCH + "test_a_redirect_inside_is_not_followed",),
            "CVE-2026-45401": (FETCH + "test_a_name_is_resolved_once_and_that_address_is_connected_to",),
            "CVE-2026-31943": (REACH + "test_other_spellings_of_loopback_are_seen_through",),
        },
    ),
    "path in a name": Attack(
        (
            A + "test_names_of_files.py::test_a_file_lies_where_parley_says",
            K + "test_upload_document.py::test_a_file_is_named_by_parley_not_by_its_owner",
            N + "test_take_in_model.py::test_a_name_cannot_lead_elsewhere",
            N + "test_take_in_model.py::test_a_link_out_of_the_folder_is_refused",
        ),
        {"CVE-2026-22218": (A + "test_names_of_files.py::test_a_file_lies_where_parley_says",)},
    ),
    "stored scripts": Attack(
        (
            W + "test_markdown.py::test_nothing_in_a_text_can_act_or_load",
            W + "test_markdown.py::test_a_text_in_pieces_is_the_same_as_whole",
            "journeys/test_meet_hostile_text.py::test_an_answer_and_its_sources_stay_text",
            "journeys/test_meet_hostile_text.py::test_a_keeper_and_a_moderator_see_it_as_text_too",
            W + "test_pages_keep_the_policy.py::test_a_template_has_nothing_the_content_policy_refuses",
            HEADERS + "test_the_policy_lets_in_nothing_but_our_own",
        ),
        {
            "CVE-2026-44568": ("journeys/test_meet_hostile_text.py::test_an_answer_and_its_sources_stay_text",),
            "open-webui 18387": (W + "test_markdown.py::test_a_text_in_pieces_is_the_same_as_whole",),
        },
    ),
    "a leak by image or link": Attack(
        (
            W + "test_markdown.py::test_nothing_in_a_text_can_act_or_load",
            "journeys/test_meet_hostile_text.py::test_a_link_outside_says_first_where_it_leads",
        ),
        {
            "CVE-2025-32711": (
                W + "test_markdown.py::test_nothing_in_a_text_can_act_or_load",
                "journeys/test_meet_hostile_text.py::test_a_link_outside_says_first_where_it_leads",
            )
        },
    ),
    "websocket from a foreign page": Attack(
        (
            "accounts/test_open_socket.py::test_a_foreign_page_is_refused_with_and_without_a_session",
            "accounts/test_open_socket.py::test_a_session_without_an_origin_is_refused",
            "accounts/test_open_socket.py::test_a_foreign_host_that_resolves_here_is_refused",
        ),
        {
            "CVE-2026-25253": (
                "accounts/test_open_socket.py::test_a_foreign_page_is_refused_with_and_without_a_session",
            )
        },
    ),
    "one bad frame": Attack(
        (
            A + "test_bad_frames.py::test_every_bad_frame_is_answered_with_an_error",
            A + "test_bad_frames.py::test_what_breaks_the_protocol_ends_its_own_line_alone",
            "roof/test_contract.py::test_a_frame_that_is_too_large_ends_its_own_line_alone",
        ),
        {
            "CVE-2026-31949": (A + "test_bad_frames.py::test_every_bad_frame_is_answered_with_an_error",),
            "open-webui 25975": (A + "test_bad_frames.py::test_what_breaks_the_protocol_ends_its_own_line_alone",),
        },
    ),
    "SQL in parameters": Attack(
        (
            A + "test_sql_in_parameters.py::test_no_query_reaches_a_statement",
            A + "test_sql_in_parameters.py::test_no_field_reaches_a_statement",
            A + "test_sql_in_parameters.py::test_no_header_and_no_cookie_reaches_a_statement",
        ),
        {
            "CVE-2026-42208": (A + "test_sql_in_parameters.py::test_no_header_and_no_cookie_reaches_a_statement",),
            "CVE-2026-1287": (A + "test_sql_in_parameters.py::test_no_query_reaches_a_statement",),
        },
    ),
    "the caller chooses the upstream": Attack(
        (
            UPSTREAM + "test_a_request_that_names_a_server_is_refused_and_opens_nothing",
            C + "test_rest.py::test_a_caller_cannot_choose_what_is_upstream",
        ),
        {"CVE-2024-6587": (UPSTREAM + "test_a_request_that_names_a_server_is_refused_and_opens_nothing",)},
    ),
    "deserialisation": Attack(
        (
            A + "test_deserialisation.py::test_nothing_of_parley_can_run_what_it_reads",
            A + "test_deserialisation.py::test_a_pickle_in_valkey_is_not_opened",
            A + "test_deserialisation.py::test_tasks_sessions_messages_and_news_are_data",
            A + "test_deserialisation.py::test_a_task_in_another_form_is_refused",
            N + "test_take_in_model.py::test_files_that_can_run_code_are_refused",
            N + "test_take_in_model.py::test_configurations_that_fetch_code_are_refused",
        ),
        {
            "ShadowMQ": (A + "test_deserialisation.py::test_nothing_of_parley_can_run_what_it_reads",),
            "CVE-2026-22807": (N + "test_take_in_model.py::test_configurations_that_fetch_code_are_refused",),
            "CVE-2025-68664": (A + "test_deserialisation.py::test_nothing_of_parley_can_run_what_it_reads",),
        },
    ),
    "the model server's own surface": Attack(
        (
            N + "test_serve_model.py::test_a_public_address_is_refused",
            N + "test_serve_model.py::test_options_that_would_undo_the_checks_are_refused",
            N + "test_serve_model.py::test_the_key_comes_from_a_file_and_our_own_secrets_stay_ours",
        ),
        {"vLLM --api-key guards only /v1": (N + "test_serve_model.py::test_a_public_address_is_refused",)},
    ),
    "bombs": Attack(
        (
            K + "test_extract_hostile.py::test_an_archive_is_refused_by_what_it_really_unpacks_to",
            K + "test_extract_hostile.py::test_an_archive_of_very_many_parts_is_refused",
            K + "test_extract_hostile.py::test_entities_are_never_expanded",
            K + "test_extract_hostile.py::test_a_picture_of_too_many_pixels_is_refused_by_its_header",
            K + "test_extract_hostile.py::test_a_pdf_of_very_many_pages_is_refused",
            FETCH + "test_a_bomb_is_counted_unpacked",
            C + "test_attach_files.py::test_a_bomb_ends_with_its_reason_and_without_its_bytes",
        ),
        {
            "onyx declared sizes": (
                K + "test_extract_hostile.py::test_an_archive_is_refused_by_what_it_really_unpacks_to",
            )
        },
    ),
    "floods and slow callers": Attack(
        (
            FLOODS + "test_a_head_without_an_end_is_refused_in_bounded_memory",
            FLOODS + "test_a_head_that_drips_gives_its_place_up",
            FLOODS + "test_a_body_without_an_end_is_refused_in_bounded_memory",
            FLOODS + "test_a_body_that_drips_is_given_up",
            FLOODS + "test_only_addresses_that_take_files_may_be_sent_much",
            FLOODS + "test_every_view_that_reads_files_is_among_those_that_take_them",
            C + "test_slow_reader.py::test_one_who_does_not_read_delays_nobody_and_gets_everything_later",
        ),
        {"CVE-2026-5766": (FLOODS + "test_a_body_without_an_end_is_refused_in_bounded_memory",)},
    ),
    "account linking by an address": Attack(
        (
            "accounts/test_sign_in.py::test_nobody_can_add_an_address",
            *LINKING,
            PROVIDER + "test_nobody_connects_another_account_to_the_one_they_have_open",
            SAML + "test_an_address_counts_only_where_the_provider_is_trusted_with_addresses",
            SAML + "test_a_comment_in_a_signed_answer_changes_nothing_of_who_it_is",
        ),
        {"allauth 64.2.1": LINKING[:1], "open-webui accounts merged by address": LINKING},
    ),
    "weak defaults": Attack(
        (
            A + "test_weak_defaults.py::test_a_fresh_installation_listens_on_loopback_alone",
            A + "test_weak_defaults.py::test_secrets_are_random_and_of_their_owner_alone",
            HEADERS + "test_every_address_sends_all_of_them",
            HEADERS + "test_behind_tls_django_finds_nothing_and_cookies_are_of_this_host_alone",
            "embedded/test_postgres.py::test_it_listens_on_no_port_and_only_its_user_may_enter",
            "accounts/test_sign_in.py::test_nobody_can_make_an_account_for_themselves",
            "accounts/test_sign_in.py::test_other_roles_end_every_session_but_not_the_keys",
            WAYS_IN + "test_a_session_that_was_signed_out_opens_nothing",
        )
    ),
    "formulas in exports": Attack(
        (
            A + "test_formulas_in_exports.py::test_no_text_becomes_a_formula",
            A + "test_formulas_in_exports.py::test_the_export_of_usage_says_names_as_text",
            A + "test_formulas_in_exports.py::test_tables_are_written_in_one_place",
        )
    ),
    "instructions hidden in documents": Attack(
        (
            C + "test_answer_from_files.py::test_hidden_orders_are_fenced_as_other_sources_are",
            K + "test_judge_exposure.py::test_a_hidden_order_to_models_holds",
            K + "test_search.py::test_nobody_ever_finds_what_they_may_not_read",
        )
    ),
    "secrets in logs": Attack(
        (
            A + "test_secrets_in_logs.py::test_signing_in_and_links_that_open_something",
            A + "test_secrets_in_logs.py::test_keys_of_programs_and_errors_in_between",
            A + "test_secrets_in_logs.py::test_keys_of_model_servers",
            A + "test_secrets_in_logs.py::test_credentials_of_sources",
            A + "test_secrets_in_logs.py::test_a_stranger_cannot_write_a_line_of_their_own",
        )
    ),
    "parts with holes": Attack(
        (
            A + "test_parts.py::test_every_part_is_under_a_licence_of_the_list",
            A + "test_parts.py::test_an_answer_that_is_not_whole_is_no_good_news",
        )
    ),
}
