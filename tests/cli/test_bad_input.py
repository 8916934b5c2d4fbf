"""Every broken file and impossible request ends with one message on stderr and exit code 2, and writes nothing."""

import pytest

from seneca_sim.shipped import shipped_folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Give a folder of broken files, made from the shipped ones."""
    folder = tmp_path_factory.mktemp("broken")
    models = shipped_folder("models")
    mapping = (shipped_folder("mappings") / "digits-lif-16.yaml").read_text()
    (folder / "cut.h5").write_bytes((models / "digits-lif.h5").read_bytes()[:3000])
    (folder / "words.h5").write_bytes(b"hello")
    (folder / "cut.npz").write_bytes((models / "recordings" / "digits-3.npz").read_bytes()[:500])
    (folder / "words.txt").write_text("x")
    (folder / "typo.yaml").write_text("extends: seneca\ncore: {npe: {cuont: 3}}\n")
    (folder / "braces.yaml").write_text("{{{")
    last = mapping.index("  classes:")
    (folder / "unmapped.yaml").write_text(mapping[:last])
    (folder / "twice.yaml").write_text(mapping + mapping[last:].splitlines()[1] + "\n")
    (folder / "one.yaml").write_text(mapping)
    return folder


CASES = [
    ("run nope.h5", "'nope.h5' is neither a file nor a shipped network (seneca-sim list models shows those that ship)"),
    ("run digits-lfi", "'digits-lfi' is neither a file nor a shipped network; did you mean digits-lif?"),
    ("run cut.h5", "cut.h5: the file ends at byte 3000 of 43304; it is truncated, copy or export it again"),
    ("run words.h5", "words.h5: not an HDF5 file: it begins with b'hello', expected b'\\x89HDF\\r\\n\\x1a\\n'"),
    (
        "run --events nope.bs2",
        "events: there is no file 'nope.bs2'; give the path of a recording, or a name of `seneca-sim list recordings`",
    ),
    (
        "run --events digitz",
        "'digitz' is neither a file nor a shipped recording; give the path of an events file or one of digits, digits-3, digits-8",
    ),
    ("run --events cut.npz", "cut.npz: the archive is truncated or no .npz file (File is not a zip file)"),
    (
        "run --events words.txt",
        "words.txt: no reader for recordings with the suffix '.txt'; known are .aedat, .aedat4, .avi, .bin, .bs2, .csv, "
        ".dat, .es, .h5, .hdf5, .mkv, .mov, .mp4, .npy, .npz, .raw, .webm",
    ),
    (
        "run --chip senca",
        "no chip is named 'senca' and there is no such file; shipped chips: seneca, seneca-seed-table; did you mean seneca?",
    ),
    ("run --chip typo.yaml", "typo.yaml:2:14: core.npe.cuont: unknown key; did you mean count?"),
    (
        "run --set core.npe.cuont=16",
        "--set core.npe.cuont=16: unknown key 'core.npe.cuont'; did you mean core.npe.count?",
    ),
    ("run --set core.npe.count", "--set core.npe.count: expected KEY=VALUE, such as core.npe.count=16"),
    ("run --set core.npe.count=0", "--set core.npe.count=0: core.npe.count: expected an integer > 0, got 0"),
    (
        "run --set prices.flit_injected_pj=-2",
        "--set prices.flit_injected_pj=-2: prices.flit_injected_pj: expected a finite number >= 0, got -2",
    ),
    ("run --set clock_mhz=0", "--set clock_mhz=0: clock_mhz: expected a finite number > 0, got 0"),
    (
        "run digits-lif --mapping unmapped.yaml",
        "classes: channels 0-9, rows 0, columns 0 are on no core; add a part for them",
    ),
    ("run digits-lif --mapping braces.yaml", "braces.yaml:2:1: not YAML: did not find expected node content"),
    ("run --mapping one.yaml", "one.yaml:3:10: network: expected digits-sigma-delta, got 'digits-lif'"),
    (
        "run --mapping nope",
        "'nope' is neither a file nor one of the shipped mappings (seneca-sim list mappings)",
    ),
    ("run --steps 0", "steps must be an integer >= 1, not 0"),
    ("run --steps -5", "steps must be an integer >= 1, not -5"),
    ("run --begin 24", "begin must be one of the 24 steps of the run, 0 to 23, not 24"),
    ("run --begin 20 --warmup 4", "warmup of 4 leaves none of the run's 4 steps; run more or warm up less"),
    ("run --warmup 24", "warmup of 24 leaves none of the run's 24 steps; run more or warm up less"),
    ("run --engine fats", "engine must be one of reference, fast, estimate, not 'fats'; did you mean fast?"),
    (
        "run --goal fewest",
        "goal must be one of fewest-cores, balanced, power-of-two, energy, not 'fewest'; did you mean fewest-cores?",
    ),
    ("run --noc torus", "noc must be one of mesh, ideal, not 'torus'"),
    ("run --order breadth", "order must be one of depth-first, conventional, not 'breadth'"),
    ("run --dt-us -1", "dt_us must be a finite number > 0, not -1.0"),
    (
        "run --slice 0",
        "slice must be a time such as 1000us or 5ms, a number such as 500events, or a window such as window:5000,100 "
        "(the last 5000 events, after every 100 new ones), not '0'",
    ),
    ("run --crop 1,2,3", "crop must be LEFT,TOP,WIDTH,HEIGHT in pixels such as 160,120,320,240, not '1,2,3'"),
    ("run --crop 1,2,3,0", "crop must be at least 1 pixel wide and high, not '1,2,3,0'"),
    ("run --pool 0", "pool must be an integer >= 1, not 0"),
    ("run --resize 20", "resize must be WIDTHxHEIGHT such as 640x480, at most 16384 each, not '20'"),
    ("run --pool 2 --resize 20x20", "pool and resize exclude each other: resize alone states the size that is fed"),
    (
        "run --input nope.yaml",
        "input: there is no file 'nope.yaml'; give a YAML file, or words such as representation=voxel,bins=5,slice=50ms",
    ),
    (
        "run --input bins=2",
        "input:1:7: bins: is 2, but only voxel, signed_voxel and time_surface have bins; expected 1",
    ),
    (
        "run --activity digits-lif --crop 0,0,9,9",
        "crop: for recordings; an activity holds a network's input already",
    ),
    (
        "run --events synthetic:rode",
        "synthetic:rode: there is no scene 'rode'; expected road, such as synthetic:road?seed=1",
    ),
    (
        "run --events synthetic:road?size=64x48",
        "synthetic:road?size=64x48: the recording has 64x48 pixels (width x height), but the network's input has 20x20; "
        "use --crop 22,14,20,20 or --resize 20x20",
    ),
    ("events", "which recording? give a file, a name of `seneca-sim list recordings`, or --synthesise road"),
    ("events digits --seed 3", "seed: of synthetic recordings; give --synthesise road, or leave it out"),
    ("events digits --pool 2", "--pool: for what a network sees; name it with --for NETWORK, or leave them out"),
    ("events digits -o x.doc", "x.doc: expected a picture (.png, .pdf, .svg) or a recording (.npz, .dat) as output"),
    ("run --reset value", "reset: no neuron of digits-sigma-delta spikes; leave it out"),
    (
        "run --reset-every 4 --slice window:500,100",
        "reset_every: digits-sigma-delta is fed changes, which its first neurons add up from step to step; leave it out, or feed "
        "whole counts",
    ),
    ("run --activity nope", "'nope' is neither a file nor one of the shipped activities (seneca-sim list activities)"),
    (
        "run --events digits --activity x",
        "events and activity exclude each other: a network either runs on events or replays an activity",
    ),
    (
        "run -o words.txt/out",
        "output folder 'words.txt/out' cannot be written: '{folder}/words.txt' is a file; choose another with -o",
    ),
    ("validate unmapped.yaml", "classes: channels 0-9, rows 0, columns 0 are on no core; add a part for them"),
    ("validate nope.yaml", "nope.yaml: cannot be read: No such file or directory"),
    ("map -o m.yaml --plot .", "plot '.' is no regular file; choose another name with --plot"),
    ("map -o m.yaml --plot m.yaml", "mapping and plot would both be 'm.yaml'; choose another name with --plot"),
    (
        "map -o m.yaml --plot words.txt/p.png",
        "output folder 'words.txt' cannot be written: 'words.txt' is a file; choose another with --plot",
    ),
    (
        "map -o words.txt/m.yaml",
        "output folder 'words.txt' cannot be written: 'words.txt' is a file; choose another with -o",
    ),
    ("show digits-lfi", "'digits-lfi' is neither a file nor a chip or network that ships; did you mean digits-lif?"),
    (
        "list nope",
        "nothing to list under 'nope'; expected one of chips, models, mappings, activities, recordings, tables",
    ),
    ("list chip", "nothing to list under 'chip'; did you mean chips?"),
    ("explain nope energy_uj", "'nope' holds no counts.npz; expected a folder written by `seneca-sim run ... -o DIR`"),
    ("explain .", "what of '.'? ask for a field, such as energy_uj or memory_bits:LAYER"),
    (
        "reprice nope --set prices.flit_link_pj=2",
        "'nope' holds no counts.npz; expected a folder written by `seneca-sim run ... -o DIR`",
    ),
    (
        "events nope",
        "'nope' is neither a file nor a shipped recording; give the path of an events file or one of digits, digits-3, digits-8",
    ),
]


@pytest.mark.parametrize(("command", "message"), CASES)
def test_one_message_and_exit_code_2(seneca_sim, folder, monkeypatch, command, message):
    monkeypatch.chdir(folder)
    before = sorted(folder.iterdir())
    outcome = seneca_sim(*command.split())
    assert outcome.err == f"seneca-sim: {message.format(folder=folder)}\n"
    assert (outcome.code, outcome.out) == (2, "")
    assert sorted(folder.iterdir()) == before


def test_a_layer_larger_than_a_core_is_refused_with_need_and_limit(seneca_sim):
    outcome = seneca_sim("run", "--set", "core.data_memory_bits=1000")
    assert outcome.code == 2
    assert outcome.err == (
        "seneca-sim: conv2: one row of one channel needs 1488 bits, a core has 1000; "
        "input channels are not split: use narrower weights or more data memory (core.data_memory_bits)\n"
    )


@pytest.mark.parametrize("command", ["run --frobnicate", "frobnicate", "run --steps abc", "run a b", "explain"])
def test_what_the_parser_refuses_ends_with_usage_and_exit_code_2(seneca_sim, command):
    outcome = seneca_sim(*command.split())
    assert outcome.code == 2
    assert outcome.err.startswith("Usage: ")
    assert "Traceback" not in outcome.err


@pytest.mark.parametrize("command", [("run",), ("reprice", "earlier"), ("reproduce", "pj-per-sop")])
def test_an_empty_output_folder_is_not_the_current_one(seneca_sim, tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    outcome = seneca_sim(*command, "-o", "")
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err == "seneca-sim: -o is empty; name a folder (. for the current one), or leave it out\n"
    assert list(tmp_path.iterdir()) == []


def test_a_misspelt_option_is_answered_with_a_guess(seneca_sim):
    assert "--events" in seneca_sim("run", "--evnts", "digits").err


def test_an_error_that_is_no_users_keeps_its_traceback(seneca_sim, monkeypatch):
    def broken(*_):
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("seneca_sim.report.catalogue.listing", broken)
    with pytest.raises(ZeroDivisionError, match="a bug"):
        seneca_sim("list", "chips")
