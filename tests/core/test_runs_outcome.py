"""What ended a run is said in a user's words."""

from core.runs.outcome import death, plain

LAYER = (
    "Exception encountered when calling Dense.call().\n\n\x1b[1mMatrix size-incompatible: In[0]: [8,3], In[1]: [4,2]"
    "\x1b[0m\n\nArguments received by Dense.call():\n  • inputs=tf.Tensor(shape=(8, 3))"
)
GRAPH = """Graph execution error:

Detected at node model_1/AssertEqual defined at (most recent call last):
  File "/x/core/engine/session.py", line 3, in run
  File "/x/train.py", line 33, in nll
assertion failed: labels must be in 0..2
\t [[{{node model_1/AssertEqual}}]] [Op:__inference_7]"""


def test_a_kill_is_named():
    assert death(-9)[0] == "SIGKILL"
    assert "out of memory" in death(-9)[1]


def test_an_exit_code_is_named():
    assert "exit code 3" in death(3)[1]


def test_an_exit_with_success_is_still_no_success():
    assert "in the middle of its work" in death(0)[1]


def test_an_unseen_death_claims_nothing():
    assert death(None) == (None, death(None)[1])


def test_keras_wrapping_is_taken_off():
    assert plain(LAYER) == "Matrix size-incompatible: In[0]: [8,3], In[1]: [4,2]"


def test_graph_errors_lose_their_stack():
    assert plain(GRAPH) == "assertion failed: labels must be in 0..2"


def test_plain_text_stays():
    assert plain("could not convert 'a'") == "could not convert 'a'"
