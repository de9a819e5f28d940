// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC1155Receiver} from "@openzeppelin/contracts/token/ERC1155/IERC1155Receiver.sol";
import {IERC165} from "@openzeppelin/contracts/utils/introspection/IERC165.sol";

/// @title A holder of credits that is a contract
/// @notice It accepts credits, declines them or reverts, as it is told, and may do something of its own in the middle of
/// receiving them. It receives no ERC-721.
contract CreditReceiver is IERC1155Receiver {
    enum Answer {
        Accept,
        Decline,
        Fail
    }

    error Unwanted(uint256 batch);

    Answer private _answer;
    address private _target;
    bytes private _call;

    /// @notice How many times it received something.
    uint256 public receipts;
    /// @notice What its call in the middle of receiving was refused with; empty when it went through.
    bytes public refusal;

    function setAnswer(Answer answer) external {
        _answer = answer;
    }

    /// @notice It will call `target` in the middle of receiving credits, once.
    function setCall(address target, bytes calldata call) external {
        (_target, _call) = (target, call);
    }

    /// @notice It calls `target` now.
    function act(address target, bytes calldata call) external {
        (bool isDone, bytes memory returned) = target.call(call);
        if (!isDone) {
            assembly {
                revert(add(returned, 32), mload(returned))
            }
        }
    }

    function onERC1155Received(address, address, uint256 batch, uint256, bytes calldata) external returns (bytes4) {
        return _receive(batch) ? this.onERC1155Received.selector : bytes4(0);
    }

    function onERC1155BatchReceived(address, address, uint256[] calldata batches, uint256[] calldata, bytes calldata)
        external
        returns (bytes4)
    {
        return _receive(batches[0]) ? this.onERC1155BatchReceived.selector : bytes4(0);
    }

    function supportsInterface(bytes4 interfaceId) external pure returns (bool) {
        return interfaceId == type(IERC1155Receiver).interfaceId || interfaceId == type(IERC165).interfaceId;
    }

    function _receive(uint256 batch) private returns (bool) {
        require(_answer != Answer.Fail, Unwanted(batch));
        receipts++;
        if (_target != address(0)) {
            address target = _target;
            _target = address(0);
            (bool isDone, bytes memory returned) = target.call(_call);
            refusal = isDone ? bytes("") : returned;
        }
        return _answer == Answer.Accept;
    }
}
