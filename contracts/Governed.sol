// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {IAccessManager} from "@openzeppelin/contracts/access/manager/IAccessManager.sol";

/// @title Governed
/// @notice A contract whose restricted functions the Authority decides on. It is OpenZeppelin's AccessManaged with an authority
/// that is fixed at deployment: nobody can hand the contract to other rules later, and asking costs one storage read less.
abstract contract Governed is IAccessManaged {
    IAccessManager private immutable _authority;

    /// @dev Set while the Authority consumes an operation that was announced, which it checks back here.
    bool private _isConsuming;

    /// @notice Thrown by `setAuthority`: the authority is fixed.
    error AuthorityFixed(address authority);

    constructor(address authority_) {
        require(authority_.code.length != 0, AccessManagedInvalidAuthority(authority_));
        _authority = IAccessManager(authority_);
        emit AuthorityUpdated(authority_);
    }

    /// @dev Lets a caller pass that the Authority allows at once, or whose announced operation is ready.
    modifier restricted() {
        _requireAllowed();
        _;
    }

    /// @dev Apart from the modifier, so that a contract holds it once and not once per restricted function.
    function _requireAllowed() private {
        // The Authority lets anyone act through its `execute`, in its own name. Then nobody could be told apart from another.
        require(msg.sender != address(_authority), AccessManagedUnauthorized(msg.sender));
        (bool isImmediate, uint32 delay) = _authority.canCall(msg.sender, address(this), msg.sig);
        if (!isImmediate) {
            require(delay != 0, AccessManagedUnauthorized(msg.sender));
            _isConsuming = true;
            _authority.consumeScheduledOp(msg.sender, msg.data);
            _isConsuming = false;
        }
    }

    /// @inheritdoc IAccessManaged
    function authority() external view returns (address) {
        return address(_authority);
    }

    /// @inheritdoc IAccessManaged
    function setAuthority(address) external view {
        revert AuthorityFixed(address(_authority));
    }

    /// @inheritdoc IAccessManaged
    function isConsumingScheduledOp() external view returns (bytes4) {
        return _isConsuming ? this.isConsumingScheduledOp.selector : bytes4(0);
    }
}
