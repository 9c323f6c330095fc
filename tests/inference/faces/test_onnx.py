"""InsightFace's pair, proven with small graphs that give known tensors: no weights are here."""

import numpy as np
import onnxruntime
import pytest

from inference.errors import EngineFault, MissingCheckpoint, UnreadableCheckpoint, WrongDetector
from inference.faces import make_finder
from inference.faces import onnx as runtime
from inference.faces.landmarks106 import Landmarks106, three_points
from inference.faces.scrfd import Scrfd, separate
from tests.inference import graphs

RED, BLUE = (255, 0, 0), (0, 0, 255)
LARGE_AND_SMALL = [[2, 1, 2, 3], [0.5, 0.5, 0.5, 0.5]]


@pytest.fixture
def detector(tmp_path):
    return graphs.red_detector(tmp_path / "detector.onnx", LARGE_AND_SMALL)


@pytest.fixture
def landmarks(tmp_path):
    return graphs.red_landmarks(tmp_path / "landmarks.onnx", np.zeros((106, 2)))


def test_a_box_is_its_anchor_and_four_distances_in_strides(detector):
    """The cell of row 2, column 3 is red: both its anchors speak from the point (24, 16)."""
    frame = np.zeros((64, 64, 3), np.uint8)
    frame[16:24, 24:32] = RED
    large, small = Scrfd(detector, "cpu").find(frame)
    assert large.box == (24 - 16, 16 - 8, 24 + 16, 16 + 24)
    assert small.box == (20, 12, 28, 20)
    assert large.score == pytest.approx((255 - 127.5) / 128)


def test_the_network_sees_red_green_blue(detector):
    frame = np.zeros((64, 64, 3), np.uint8)
    frame[16:24, 24:32] = BLUE
    assert Scrfd(detector, "cpu").find(frame) == []


@pytest.mark.parametrize(
    ("size", "scale"), [((128, 64), 0.5), ((64, 128), 0.5), ((32, 24), 2.0), ((640, 360), 0.1)]
)
def test_boxes_come_back_in_the_frames_own_pixels(detector, size, scale):
    """Wide, upright, small and large frames lie in the upper left corner of the square."""
    width, height = size
    frame = np.zeros((height, width, 3), np.uint8)
    side = round(8 / scale)
    frame[side : 2 * side, side : 2 * side] = RED
    large = Scrfd(detector, "cpu").find(frame)[0]
    expected = np.array([8 - 16, 8 - 8, 8 + 16, 8 + 24]) / scale
    np.testing.assert_allclose(large.box, expected, rtol=1e-6)


def test_all_strides_speak_and_one_face_is_found_once(tmp_path):
    """One face seen by strides 8 and 32, another by stride 16: two boxes, the surest of each."""
    scores = {stride: np.zeros((2 * (640 // stride) ** 2, 1), np.float32) for stride in (8, 16, 32)}
    boxes = {stride: np.zeros((2 * (640 // stride) ** 2, 4), np.float32) for stride in (8, 16, 32)}

    def speak(stride, column, row, anchor, score, box):
        at = 2 * (row * (640 // stride) + column) + anchor
        scores[stride][at] = score
        x, y = column * stride, row * stride
        left, top, right, bottom = box
        boxes[stride][at] = np.array([x - left, y - top, right - x, bottom - y]) / stride

    speak(8, 40, 20, 1, 0.7, (280, 120, 360, 220))
    speak(32, 10, 5, 0, 0.9, (282, 124, 362, 224))
    speak(16, 4, 30, 1, 0.6, (20, 440, 100, 540))
    speak(16, 20, 30, 0, 0.49, (300, 440, 380, 540))  # not sure enough
    found = Scrfd(graphs.fixed_detector(tmp_path / "d.onnx", scores, boxes), "cpu").find(
        np.zeros((640, 640, 3), np.uint8)
    )
    assert [face.score for face in found] == pytest.approx([0.9, 0.6])
    np.testing.assert_allclose(found[0].box, (282, 124, 362, 224), atol=1e-3)
    np.testing.assert_allclose(found[1].box, (20, 440, 100, 540), atol=1e-3)


def test_boxes_that_share_more_than_two_fifths_are_one():
    """Shares of the union, last pixels counted: 10 of 30 pixels stay two, 15 of 25 are one."""
    row = np.array([[0, 0, 19, 0], [10, 0, 29, 0], [5, 0, 24, 0]], float)
    assert separate(row[[0, 1]], np.array([0.9, 0.8])) == [0, 1]
    assert separate(row[[0, 2]], np.array([0.8, 0.9])) == [1]
    assert separate(np.zeros((0, 4)), np.zeros(0)) == []


@pytest.mark.parametrize("dot", [(200, 120), (260.0, 170.0), (150, 60)])
def test_landmarks_come_back_where_they_are_in_the_frame(landmarks, dot):
    """A red dot within 1.5 times the box, anywhere: the crop and its inverse cancel."""
    frame = np.zeros((240, 400, 3), np.uint8)
    x, y = (round(value) for value in dot)
    frame[y - 3 : y + 4, x - 3 : x + 4] = RED
    points = Landmarks106(landmarks, "cpu").find(frame, (140, 40, 260, 200))
    assert points.shape == (106, 2)
    np.testing.assert_allclose(points, np.tile(dot, (106, 1)), atol=0.5)


def test_the_crop_is_one_and_a_half_times_the_box_and_comes_first_in_the_middle(tmp_path):
    """Outputs 0, -1 and 1 are the middle, the first and the end of the 192 pixels."""
    offsets = np.zeros((106, 2))
    offsets[1], offsets[2] = (-1, -1), (1, 1)
    network = Landmarks106(graphs.red_landmarks(tmp_path / "l.onnx", offsets), "cpu")
    points = network.find(np.zeros((200, 200, 3), np.uint8), (60, 40, 140, 160))
    np.testing.assert_allclose(points[0], (100, 100))
    np.testing.assert_allclose(points[1], (100 - 90, 100 - 90))
    np.testing.assert_allclose(points[2], (100 + 90, 100 + 90))


def test_a_face_larger_than_the_crop_is_measured_as_exactly(landmarks):
    frame = np.zeros((1200, 1600, 3), np.uint8)
    frame[580:621, 880:921] = RED
    points = Landmarks106(landmarks, "cpu").find(frame, (400, 100, 1200, 1100))
    np.testing.assert_allclose(points, np.tile((900, 600), (106, 1)), atol=1.5)


def test_the_three_points_are_means_of_whole_pixels_rounded_again():
    landmarks = np.zeros((106, 2))
    landmarks[[43, 48, 49, 51, 50]] = [[10.4, 20], [11.4, 20], [12.4, 20.6], [13.4, 21], [14.6, 22]]
    landmarks[101:106] = [[50, 21], [51, 21], [52, 21], [53, 21], [54, 21]]
    landmarks[[74, 77, 83, 86]] = [[30, 40], [33, 40], [30, 44], [32, 44]]
    # Left: x of 10 11 12 13 15 = 12.2, y of 20 20 21 21 22 = 20.8. Nose: 31.25, 42.
    np.testing.assert_array_equal(three_points(landmarks), [[12, 21], [52, 21], [31, 42]])


def test_the_finder_gives_the_largest_face_first_with_its_points(tmp_path, detector):
    offsets = np.zeros((106, 2))
    offsets[[43, 48, 49, 51, 50]] = (-0.3, -0.3)
    offsets[101:106] = (0.3, -0.3)
    files = {
        "face_detector": detector,
        "face_landmarks": graphs.red_landmarks(tmp_path / "l.onnx", offsets),
    }
    finder = make_finder("insightface", files, device="cpu")
    frame = np.zeros((640, 640, 3), np.uint8)
    frame[160:240, 240:320] = RED
    face, small = finder.find_all(frame)
    assert face.box == pytest.approx((80, 80, 400, 400)) and face.width > small.width
    x, y, reach = 279.5, 199.5, 0.3 * 1.5 * 320 / 2
    expected = [(x - reach, y - reach), (x + reach, y - reach), (x, y)]
    np.testing.assert_allclose(face.points3, expected, atol=1.5)
    assert finder.device == "cpu"


def test_a_gpu_that_was_asked_for_and_is_not_there_is_an_error(detector, monkeypatch):
    monkeypatch.setattr(runtime.onnxruntime, "get_available_providers", lambda: [CPU])
    with pytest.raises(EngineFault, match="CUDA"):
        Scrfd(detector, "cuda")
    assert Scrfd(detector, "auto").device == "cpu"


CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"


def test_a_gpu_that_can_not_be_loaded_is_never_replaced_by_the_cpu_in_silence(
    detector, monkeypatch
):
    """onnxruntime itself goes on with the CPU when a CUDA library is missing."""

    class Session(onnxruntime.InferenceSession):
        def __init__(self, *given, providers, **more):
            assert providers == [CUDA]
            super().__init__(*given, providers=[CPU], **more)

    monkeypatch.setattr(runtime.onnxruntime, "get_available_providers", lambda: [CUDA, CPU])
    monkeypatch.setattr(runtime.onnxruntime, "InferenceSession", Session)
    for asked in ("cuda", "auto"):
        with pytest.raises(EngineFault, match="could not be loaded on the GPU"):
            Scrfd(detector, asked)


def test_files_that_are_something_else_are_named(tmp_path, detector, landmarks):
    with pytest.raises(MissingCheckpoint, match=r"absent\.onnx"):
        Scrfd(tmp_path / "absent.onnx", "cpu")
    text = tmp_path / "text.onnx"
    text.write_text("version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(UnreadableCheckpoint, match=r"text\.onnx"):
        Scrfd(text, "cpu")
    frame = np.zeros((64, 64, 3), np.uint8)
    with pytest.raises(WrongDetector, match="its input is 64 x 64"):
        Landmarks106(detector, "cpu")
    with pytest.raises(WrongDetector, match="1 outputs"):
        Scrfd(landmarks, "cpu").find(frame)
    with pytest.raises(MissingCheckpoint, match="face_landmarks"):
        make_finder("insightface", {"face_detector": detector}, device="cpu")
