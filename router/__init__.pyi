from router.gateway import Chunk as Chunk
from router.gateway import Completion as Completion
from router.gateway import Gateway as Gateway
from router.gateway import GatewayConfig as GatewayConfig
from router.gateway import GatewayError as GatewayError
from router.gateway import ModelInfo as ModelInfo
from router.gateway import TargetPrice as TargetPrice
from router.gateway import ToolCall as ToolCall
from router.gateway import Usage as Usage

__version__: str
