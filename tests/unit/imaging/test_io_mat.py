"""Multi-echo MR in MAT files."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.io

from steatoscope.core.errors import SteatoscopeError
from steatoscope.core.geometry import Geometry
from steatoscope.core.image import EchoTrain, Study
from steatoscope.imaging.io.coils import combine_coils
from steatoscope.imaging.io.load import load_study
from steatoscope.imaging.io.mat import read_mat_mask
from steatoscope.imaging.io.matfile import read_mat
from steatoscope.imaging.io.options import ReadOptions
from steatoscope.imaging.io.write import write_mat_imdataparams

TIMES = np.array([1.2e-3, 2.4e-3, 3.6e-3])


def signal(shape: tuple[int, ...] = (40, 50, 2, 1, 3), seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (rng.normal(size=shape) + 1j * rng.normal(size=shape)).astype(np.complex64)


def toolbox(**changes: object) -> dict[str, object]:
    fields = {"images": signal(), "TE": TIMES, "FieldStrength": 1.5, "PrecessionIsClockwise": 1.0}
    return {"imDataParams": {**fields, **changes}}


def saved(path: Path, variables: dict[str, object], **parameters: object) -> Path:
    scipy.io.savemat(path, variables, **parameters)
    return path


def load(path: Path, **options: object) -> Study:
    return load_study([path], ReadOptions(**options))


def code_of(path: Path, **options: object) -> str:
    with pytest.raises(SteatoscopeError) as caught:
        load(path, **options)
    return caught.value.code


@pytest.mark.parametrize("compressed", [False, True])
def test_toolbox_layout(tmp_path: Path, compressed: bool) -> None:
    file = saved(tmp_path / "a.mat", toolbox(voxelSize=[1.5, 1.25, 8.0]), do_compression=compressed)
    study = load(file)
    echoes = study.scan.echoes
    assert echoes.data.shape == (3, 2, 40, 50)
    assert echoes.data.dtype == np.complex64
    assert np.array_equal(echoes.data[1, 0], signal()[:, :, 0, 0, 1])
    assert np.allclose(echoes.echo_times_s, TIMES)
    assert echoes.field_strength_t == 1.5
    assert echoes.precession == 1
    assert echoes.geometry.known
    assert echoes.geometry.spacing == (8.0, 1.5, 1.25)
    assert np.allclose(study.scan.anatomy.data, np.sqrt(np.mean(np.abs(echoes.data) ** 2, axis=0)), rtol=1e-5)
    assert study.inputs[0].kind == "mat"


def test_units_and_order_are_settled(tmp_path: Path) -> None:
    plain = {"data": signal((40, 50, 3))[..., ::-1], "te": TIMES[::-1] * 1e3, "Tesla": 28900.0}
    echoes = load(saved(tmp_path / "a.mat", plain)).scan.echoes
    assert np.allclose(echoes.echo_times_s, TIMES)
    assert np.array_equal(echoes.data[:, 0], np.moveaxis(signal((40, 50, 3)), 2, 0))
    assert echoes.field_strength_t == pytest.approx(2.89)
    assert echoes.precession is None
    assert not echoes.geometry.known


def test_counterclockwise_precession_is_a_hint(tmp_path: Path) -> None:
    echoes = load(saved(tmp_path / "a.mat", toolbox(PrecessionIsClockwise=-1.0))).scan.echoes
    assert echoes.precession == -1
    assert np.array_equal(echoes.data[0, 0], signal()[:, :, 0, 0, 0])


def test_matlab_7_3(tmp_path: Path) -> None:
    images = np.ascontiguousarray(signal().T)
    stored = np.zeros(images.shape, dtype=[("real", "<f4"), ("imag", "<f4")])
    stored["real"], stored["imag"] = images.real, images.imag
    with h5py.File(tmp_path / "a.mat", "w", userblock_size=512) as file:
        group = file.create_group("imDataParams")
        group["images"], group["TE"] = stored, TIMES.reshape(3, 1)
        group["FieldStrength"], group["PrecessionIsClockwise"] = [[1.5]], [[1.0]]
    with (tmp_path / "a.mat").open("r+b") as stream:
        stream.write(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM")
    echoes = load(tmp_path / "a.mat").scan.echoes
    assert np.array_equal(echoes.data[1, 1], signal()[:, :, 1, 0, 1])
    whole = (tmp_path / "a.mat").read_bytes()
    (tmp_path / "a.mat").write_bytes(whole[: len(whole) // 2])
    assert code_of(tmp_path / "a.mat") == "E_TRUNCATED"


def test_an_unwritten_hdf5_array_is_a_bomb(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.mat", "w") as file:
        file.create_dataset("data", shape=(100_000, 100_000, 6), dtype="f8")
    assert (tmp_path / "a.mat").stat().st_size < 10_000
    assert code_of(tmp_path / "a.mat") == "E_BOMB"


def test_coils_keep_the_phase_between_echoes() -> None:
    rows, columns = 48, 52
    y, x = np.mgrid[:rows, :columns] / 50.0
    truth = np.stack([np.exp(1j * (2.0 * x + t * (1.0 + y))) * (1.0 + x * y) for t in range(4)])[:, np.newaxis]
    coils = np.stack([np.exp(1j * k) * (0.2 + k * x + (3 - k) * y) for k in range(4)])
    images = (coils[:, np.newaxis, np.newaxis] * truth).astype(np.complex64)
    combined = combine_coils(images)
    ratio = combined / truth
    assert combined.dtype == np.complex64
    assert np.abs(np.angle(ratio * np.conj(ratio[:1]))).max() < 1e-3
    expected = np.abs(truth) * np.sqrt(np.sum(np.abs(coils) ** 2, axis=0))
    assert np.allclose(np.abs(combined), expected, rtol=0.02)


def test_coils_beat_the_best_single_coil_in_noise() -> None:
    rng = np.random.default_rng(3)
    truth = np.ones((6, 1, 40, 40), np.complex64)
    weights = np.exp(1j * rng.uniform(0, 6, 4)) * np.array([1.0, 0.9, 1.1, 1.0])
    noise = rng.normal(size=(4, 6, 1, 40, 40)) + 1j * rng.normal(size=(4, 6, 1, 40, 40))
    images = (weights[:, None, None, None, None] * truth + 0.1 * noise).astype(np.complex64)
    snr = [np.abs(one.mean()) / one.std() for one in (combine_coils(images), images[2])]
    assert snr[0] / snr[1] == pytest.approx(np.sqrt(np.sum(np.abs(weights) ** 2)) / 1.1, rel=0.1)


def test_several_coils_in_a_file(tmp_path: Path) -> None:
    images = np.concatenate([signal(), 2j * signal()], axis=3)
    echoes = load(saved(tmp_path / "a.mat", toolbox(images=images))).scan.echoes
    ratio = echoes.data[0, 0] / signal()[:, :, 0, 0, 0]
    assert np.allclose(np.abs(ratio), np.sqrt(5.0), rtol=1e-3)


def test_too_few_echoes_or_no_field_leave_the_anatomy(tmp_path: Path) -> None:
    one = load(saved(tmp_path / "a.mat", toolbox(images=signal((40, 50, 2)), TE=[1.2e-3])))
    assert one.scan.echoes is None
    assert one.scan.anatomy.data.shape == (2, 40, 50)
    assert [note.code for note in one.notes] == ["W_TE"]
    assert load(saved(tmp_path / "b.mat", toolbox(FieldStrength=0.0))).scan.echoes is None
    assert load(saved(tmp_path / "c.mat", toolbox(TE=[1e-3, 1e-3, 1e-3]))).scan.echoes is None


def test_wrong_files_have_codes(tmp_path: Path) -> None:
    broken = signal()
    broken[3, 4, 0, 0, 1] = np.nan
    file = tmp_path / "a.mat"
    assert code_of(saved(file, toolbox(images=broken))) == "E_NAN"
    assert code_of(saved(file, toolbox(images=signal((20, 50, 2, 1, 3))))) == "E_SIZE"
    assert code_of(saved(file, {"other": np.ones(3)})) == "E_FORMAT"
    assert code_of(saved(file, toolbox(TE=TIMES[:2]))) == "E_FORMAT"
    assert code_of(saved(file, toolbox()), modality="CT") == "E_MODALITY"
    assert code_of(saved(file, toolbox()), max_bytes=1000) == "E_BOMB"
    whole = saved(file, toolbox(), do_compression=True).read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    assert code_of(file) == "E_TRUNCATED"


def test_magnitudes_are_a_magnitude_train(tmp_path: Path) -> None:
    echoes = load(saved(tmp_path / "a.mat", toolbox(images=np.abs(signal())))).scan.echoes
    assert echoes.kind == "magnitude"
    assert echoes.data.dtype == np.float32


@pytest.mark.parametrize("known", [False, True])
def test_written_trains_come_back(tmp_path: Path, known: bool) -> None:
    data = np.ascontiguousarray(np.transpose(signal()[:, :, :, 0], (3, 2, 0, 1)))
    geometry = Geometry.from_spacing((6.0, 1.5, 1.25), known=known)
    train = EchoTrain(data, TIMES, 3.0, geometry, "complex", -1)
    mask = np.abs(data[0]) > 1
    write_mat_imdataparams(tmp_path / "a.mat", train, mask)
    back = load(tmp_path / "a.mat").scan.echoes
    assert np.array_equal(back.data, data)
    assert back.precession == -1
    assert back.geometry.known == known
    if known:
        assert back.geometry.same_space(geometry)
    assert np.array_equal(read_mat_mask(tmp_path / "a.mat"), mask)
    write_mat_imdataparams(tmp_path / "b.mat", train, mask)
    assert (tmp_path / "a.mat").read_bytes() == (tmp_path / "b.mat").read_bytes()


@pytest.mark.realdata
def test_real_bipolar_rows_and_columns(data_dir: Path) -> None:
    file = data_dir / "mr" / "bipolar" / "liver_12echo_bipolar.mat"
    echoes = load(file).scan.echoes
    raw = scipy.io.loadmat(file)["data"]
    assert echoes.data.shape == (12, 1, 232, 256)
    assert np.array_equal(echoes.data[5, 0, 100:120, 70:100], raw[100:120, 70:100, 5])
    assert echoes.field_strength_t == pytest.approx(2.8949, abs=1e-3)


@pytest.mark.realdata
@pytest.mark.parametrize(("case", "shape"), [(12, (4, 3, 157, 256)), (16, (5, 3, 160, 208)), (17, (3, 4, 101, 101))])
def test_real_toolbox_cases(data_dir: Path, case: int, shape: tuple[int, ...]) -> None:
    file = data_dir / "mr" / "ismrm2012" / f"{case}.mat"
    echoes = load(file).scan.echoes
    assert echoes.data.shape == shape
    assert read_mat_mask(file).shape == shape[1:]
    asis, conjugate = (relative_residual(data, echoes) for data in (echoes.data, np.conj(echoes.data)))
    assert echoes.precession == (1 if asis < conjugate else -1)


def relative_residual(data: np.ndarray, echoes: EchoTrain) -> float:
    """Share of signal that water and six-peak fat leave over a grid of field maps (one peak would fit both signs)."""
    times = echoes.echo_times_s - echoes.echo_times_s[0]
    voxels = data.reshape(times.size, -1)[:, ::29]
    voxels = voxels[:, np.abs(voxels).mean(axis=0) > 0.1 * np.abs(voxels).max()]
    hertz = np.array([-242.706, -217.158, -166.062, -123.9078, -24.9093, 38.322]) * echoes.field_strength_t / 1.5
    fat = np.exp(2j * np.pi * np.outer(times, hertz)) @ [0.087, 0.693, 0.128, 0.004, 0.039, 0.048]
    columns = np.stack([np.ones_like(fat), fat], axis=1) * np.exp(-40.0 * times)[:, np.newaxis]
    reject = np.eye(times.size) - columns @ np.linalg.pinv(columns)
    best = np.full(voxels.shape[1], np.inf)
    for field_hz in np.linspace(0.0, 1.0 / times[1], 48, endpoint=False):
        left = reject @ (voxels * np.exp(-2j * np.pi * field_hz * times)[:, np.newaxis])
        best = np.minimum(best, np.sum(np.abs(left) ** 2, axis=0))
    return float(np.sqrt(best.sum() / np.sum(np.abs(voxels) ** 2)))


@pytest.mark.parametrize("compressed", [False, True])
def test_level_5_arrays_equal_those_of_scipy(tmp_path: Path, compressed: bool) -> None:
    rng = np.random.default_rng(5)
    plain = {
        "a": rng.normal(size=(3, 4, 5)),
        "b": rng.integers(-9, 9, (2, 7)).astype(np.int16),
        "c": signal((3, 1, 2)),
        "d": rng.normal(size=(4, 4)) + 1j,
        "e": np.float32(3.5),
        "f": np.array([[True, False]]),
        "text": "words",
        "long_name": np.arange(1000.0),
    }
    file = saved(tmp_path / "a.mat", {**plain, "s": plain}, do_compression=compressed)
    found = read_mat(file, (*plain, "s"))
    expected = scipy.io.loadmat(file)
    for name in plain:
        if name == "text":
            assert found[name] is None
            continue
        assert np.array_equal(found[name], expected[name])
        assert found[name].shape == expected[name].shape
        assert np.array_equal(found["s"][name], expected["s"][name][0, 0])


@pytest.mark.realdata
def test_real_level_5_files_equal_those_of_scipy(data_dir: Path) -> None:
    file = data_dir / "mr" / "ismrm2012" / "12.mat"
    found, expected = read_mat(file, ("imdataparams",))["imdataparams"], scipy.io.loadmat(file)["imDataParams"][0, 0]
    assert np.array_equal(found["images"], expected["images"])
    assert np.array_equal(found["mask"], expected["mask"])
    assert found["te"].shape == expected["TE"].shape
